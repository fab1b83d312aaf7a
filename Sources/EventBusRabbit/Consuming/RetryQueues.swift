// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Which retry queue the messages of an open subscription go to: a pure state machine.
///
/// A queue is declared when a message first needs it, since most subscriptions never need most of theirs and each one costs the broker
/// something all the time. While it is not known to exist, the messages for it wait. One that cannot be used is replaced by that of
/// the nearest delay.
struct RetryQueues {
    enum Answer: Hashable, Sendable {
        case exists
        /// It was not there before.
        case created
        case unusable(reason: String)
    }

    private enum Queue: Hashable {
        case asked
        case settling
        case usable
        case unusable(reason: String)
    }

    private let delays: [Duration]
    private var queues: [Duration: Queue] = [:]
    private var waiting: [(tag: UInt64, wanted: Duration)] = []

    /// - Parameter delays: of the subscription, in ascending order.
    init(delays: [Duration]) {
        self.delays = delays
    }

    /// Whether no message waits for its queue.
    var isEmpty: Bool { self.waiting.isEmpty }

    /// Whether the broker has yet to answer.
    var isAsking: Bool { self.queues.values.contains(.asked) }

    /// Why queues cannot be used.
    var problems: [String] {
        self.delays.compactMap { delay in
            if case .unusable(let reason) = self.queues[delay] { reason } else { nil }
        }
    }

    /// A message is to be delivered again.
    mutating func add(_ tag: UInt64, after wanted: Duration) {
        self.waiting.append((tag, wanted))
    }

    /// What can be sent now, and the delays whose queues have to be declared for the others.
    mutating func next() -> (sends: [(tag: UInt64, delay: Duration)], declares: [Duration]) {
        var (sends, declares): ([(UInt64, Duration)], [Duration]) = ([], [])
        let waiting = self.waiting
        self.waiting = []
        for (tag, wanted) in waiting {
            let delay = RetryLadder.nearest(to: wanted, among: self.delays.filter(self.mayBeUsable))
            if let delay, self.queues[delay] == .usable {
                sends.append((tag, delay))
                continue
            }
            self.waiting.append((tag, wanted))
            guard let delay, self.queues[delay] == nil else { continue }
            self.queues[delay] = .asked
            declares.append(delay)
        }
        return (sends, declares)
    }

    /// The broker has answered for a queue; one that was created can be used when it has ``settled(_:)``.
    mutating func answered(_ delay: Duration, _ answer: Answer) {
        self.queues[delay] =
            switch answer {
            case .exists: .usable
            case .created: .settling
            case .unusable(let reason): .unusable(reason: reason)
            }
    }

    mutating func settled(_ delay: Duration) {
        if self.queues[delay] == .settling { self.queues[delay] = .usable }
    }

    /// What could not be used is asked for again when it is needed.
    mutating func forgetProblems() {
        self.queues = self.queues.filter { self.mayBeUsable($0.key) }
    }

    private func mayBeUsable(_ delay: Duration) -> Bool {
        if case .unusable = self.queues[delay] { false } else { true }
    }
}
