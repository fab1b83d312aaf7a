// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What the journal shows: nothing is lost, first publications of a key are in order, copies have the same id, and it is never silent for long.
struct Judgement {
    /// How long nothing may be published while events wait: the lease, and five seconds to take over.
    static let longestSilence = 15.0

    private(set) var problems: [String] = []
    private(set) var copies = 0
    private(set) var silence = 0.0
    private(set) var owners = 0

    /// - Parameters:
    ///   - committed: for each key the number of its last event.
    ///   - begin: when the first event was written.
    init(_ lines: [JournalLine], committed: [String: Int], begin: Double) {
        var ids: [String: [String]] = [:]
        var last = begin
        var process: Int32 = 0
        for line in lines {
            let key = line.step.key
            let seen = ids[key, default: []].count
            switch line.step.number {
            case seen + 1:
                ids[key, default: []].append(line.id)
                self.silence = max(self.silence, line.time - last)
                if line.time - last > Self.longestSilence {
                    self.problems.append("nothing was published for \(line.time - last) s, until \(line.time)")
                }
                last = max(last, line.time)
                if line.process != process { self.owners += 1 }
                process = line.process
            case 1...max(1, seen) where seen > 0:
                self.copies += 1
                guard ids[key]?[line.step.number - 1] != line.id else { continue }
                self.problems.append("\(key) \(line.step.number) was published under two ids")
            default: self.problems.append("\(key) \(line.step.number) was published after \(seen)")
            }
        }
        for (key, count) in committed.sorted(by: { $0.key < $1.key }) {
            let published = ids[key]?.count ?? 0
            if published != count { self.problems.append("\(key): \(published) of \(count) events were published") }
        }
    }
}
