// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Copies for other queues of a subscription, each of which is sent until it is confirmed: a pure state machine.
struct PendingCopies {
    struct Answer {
        /// The deliveries whose copies are confirmed.
        var confirmed: [UInt64] = []
        /// The deliveries whose copies have to be sent again.
        var failed: [UInt64] = []
        /// What went wrong last, and how long to wait at most before sending again.
        var problem: (outcome: PublishOutcome, pause: Duration)?
    }

    private var copies: [UInt64: (copy: OutgoingMessage, since: NIODeadline)] = [:]
    private var unsent: [UInt64] = []
    private var backoff = Backoff(first: .milliseconds(500), longest: .seconds(30))
    /// Why the last copy that failed was not confirmed; `nil` when one has been confirmed since.
    private(set) var lastProblem: PublishOutcome?

    /// Whether every copy has been confirmed.
    var isEmpty: Bool { self.copies.isEmpty }

    /// - Parameter tag: the delivery that is acknowledged when the copy is confirmed.
    mutating func add(_ copy: OutgoingMessage, for tag: UInt64, now: NIODeadline) {
        self.copies[tag] = (copy, now)
        self.unsent.append(tag)
    }

    /// The copies to send now.
    mutating func takeUnsent() -> [(tag: UInt64, copy: OutgoingMessage)] {
        defer { self.unsent = [] }
        return self.unsent.compactMap { tag in self.copies[tag].map { (tag, $0.copy) } }
    }

    /// When the oldest copy that is not confirmed was added.
    var oldest: NIODeadline? { self.copies.values.map(\.since).min() }

    /// How many copies that are not confirmed were added by then.
    func count(until time: NIODeadline) -> Int { self.copies.values.count { $0.since <= time } }

    /// The publishing connection has answered.
    mutating func answered(_ outcomes: [(tag: UInt64, outcome: PublishOutcome)]) -> Answer {
        var answer = Answer()
        var problem: PublishOutcome?
        for (tag, outcome) in outcomes {
            guard outcome.isConfirmed else {
                problem = outcome
                answer.failed.append(tag)
                continue
            }
            self.backoff.reset()
            self.lastProblem = nil
            if self.copies.removeValue(forKey: tag) != nil { answer.confirmed.append(tag) }
        }
        if let problem {
            self.lastProblem = problem
            answer.problem = (problem, self.backoff.next())
        }
        return answer
    }

    /// The pause after a failure is over.
    mutating func sendAgain(_ tags: [UInt64]) {
        self.unsent += tags
    }

    /// The originals are gone: nothing is sent any more.
    mutating func removeAll() {
        self.copies = [:]
    }
}
