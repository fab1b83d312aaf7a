// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Copies for other queues of a subscription, each of which is sent until it is confirmed: a pure state machine.
///
/// Those that were not confirmed wait together and are sent again in one round. However many fail, a round has one pause.
struct PendingCopies {
    struct Answer {
        /// The deliveries whose copies are confirmed.
        var confirmed: [UInt64] = []
        /// What went wrong last.
        var problem: PublishOutcome?
        /// After which pause to call ``endPause()``; `nil` if nothing failed, or if a pause is running.
        var pause: Duration?
        /// Whether a queue of the subscription is missing.
        var isQueueMissing = false
    }

    private struct Copy {
        let message: OutgoingMessage
        let since: NIODeadline
        var hasFailed = false
    }

    private var copies: [UInt64: Copy] = [:]
    private var unsent: [UInt64] = []
    /// The copies that wait for the end of the pause.
    private var failed: [UInt64] = []
    /// How many copies have failed and are not confirmed.
    private var failing = 0
    private var isPausing = false
    private var backoff = Backoff(first: .milliseconds(100), longest: .seconds(2))
    /// Why the last copy that failed was not confirmed; `nil` when one has been confirmed since.
    private(set) var lastProblem: PublishOutcome?

    /// Whether every copy has been confirmed.
    var isEmpty: Bool { self.copies.isEmpty }

    /// - Parameter tag: the delivery that is acknowledged when the copy is confirmed.
    mutating func add(_ copy: OutgoingMessage, for tag: UInt64, now: NIODeadline) {
        self.copies[tag] = Copy(message: copy, since: now)
        self.unsent.append(tag)
    }

    /// The copies to send now.
    mutating func takeUnsent() -> [(tag: UInt64, copy: OutgoingMessage)] {
        defer { self.unsent = [] }
        return self.unsent.compactMap { tag in self.copies[tag].map { (tag, $0.message) } }
    }

    /// When the oldest copy that is not confirmed was added.
    var oldest: NIODeadline? { self.copies.values.map(\.since).min() }

    /// How many copies that are not confirmed were added by then.
    func count(until time: NIODeadline) -> Int { self.copies.values.count { $0.since <= time } }

    /// The publishing connection has answered.
    mutating func answered(_ outcomes: [(tag: UInt64, outcome: PublishOutcome)]) -> Answer {
        var answer = Answer()
        for (tag, outcome) in outcomes {
            if outcome.isConfirmed {
                self.lastProblem = nil
                guard let copy = self.copies.removeValue(forKey: tag) else { continue }
                if copy.hasFailed { self.failing -= 1 }
                answer.confirmed.append(tag)
            } else if let copy = self.copies[tag] {
                if !copy.hasFailed { self.failing += 1 }
                self.copies[tag]?.hasFailed = true
                self.failed.append(tag)
                answer.problem = outcome
                if case .unroutable = outcome { answer.isQueueMissing = true }
            }
        }
        if let problem = answer.problem {
            self.lastProblem = problem
            if !self.isPausing {
                self.isPausing = true
                answer.pause = self.backoff.next()
            }
        } else if self.failing == 0 {
            self.backoff.reset()
        }
        return answer
    }

    /// The pause is over: what has failed until now is to be sent again.
    mutating func endPause() {
        self.isPausing = false
        self.unsent += self.failed
        self.failed = []
    }

    /// The originals are gone: nothing is sent any more.
    mutating func removeAll() {
        self.copies = [:]
        (self.failed, self.failing) = ([], 0)
    }
}
