// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// How far a change of dead letters has come, and when to tell it: a pure state machine.
struct DeadLetterProgress {
    private static let interval = Duration.seconds(1)

    let verdict: DeadLetterVerdict
    /// How many dead letters there are.
    let total: Int
    /// What has become of the batches that are settled; copies count as redriven.
    private(set) var settled = DeadLetterCounts()
    private var open: [DeadLetterVerdict] = []
    private var lastTold: Duration?
    private var began: Duration?
    /// How many are to be changed, the last batch included.
    private(set) var changed = 0

    init(verdict: DeadLetterVerdict, total: Int) {
        self.verdict = verdict
        self.total = total
    }

    /// Another batch was decided about.
    mutating func decided(_ verdicts: [DeadLetterVerdict]) {
        self.open = verdicts
        self.changed += verdicts.count { $0 != .keep }
    }

    /// The last batch is settled.
    ///
    /// - Returns: a line for people, at most one in a second.
    mutating func batchSettled(at now: Duration) -> String? {
        for verdict in self.open {
            switch verdict {
            case .keep: self.settled.kept += 1
            case .redrive: self.settled.redriven += 1
            case .discard: self.settled.discarded += 1
            }
        }
        self.open = []
        if self.began == nil { (self.began, self.lastTold) = (now, now) }
        guard let last = self.lastTold, now - last >= Self.interval else { return nil }
        self.lastTold = now
        return self.summary(at: now)
    }

    /// What has been done so far, and how fast.
    func summary(at now: Duration) -> String {
        let seconds = (now - (self.began ?? now)) / .seconds(1)
        let done =
            self.verdict == .discard ? "\(self.settled.discarded) discarded" : "\(self.settled.redriven) redriven"
        let speed = seconds > 0 ? ", \(Int(Double(self.settled.total) / seconds))/s" : ""
        return
            "looked at \(self.settled.total) of \(self.total), \(done), \(self.settled.kept) kept, \(Int(seconds)) s\(speed)"
    }
}
