// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

@Suite("What a queue of the in-process bus gives back or moves")
struct QueueStateGivingBackTests {
    @Test func aStoppedConsumerGivesBackWhatItHasNotTaken() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 3)
        _ = queue.publish(["a"].map(QueueState.message))
        #expect(queue.labels(for: 1) == ["a"])
        _ = queue.publish(["b", "c", "d"].map(QueueState.message))
        _ = queue.attach(2, prefetch: 2)
        #expect(queue.stop(1).contains(1))
        #expect(queue.labels(for: 2) == ["d", "b"])
        queue.settle(1, by: 2)
        #expect(queue.labels(for: 2) == ["c"])
        queue.settle(1, by: 1)
        #expect(queue.detach(1).isEmpty)
    }

    @Test func whatIsGivenBackGoesToTheBackAndKeepsItsReturns() {
        var queue = QueueState(ordering: .none)
        _ = queue.publish(["a", "b"].map(QueueState.message))
        _ = queue.attach(1, prefetch: 10)
        #expect(queue.labels(for: 1) == ["a", "b"])
        _ = queue.detach(1)
        _ = queue.attach(2, prefetch: 2)
        _ = queue.publish(["c"].map(QueueState.message))
        #expect(queue.labels(for: 2) == ["a+1", "b+1"])
        #expect(queue.giveBack([9, 0, 1, 1], by: 2) == [2])
        #expect(queue.labels(for: 2) == ["c"])
        queue.settle(1, by: 2, .deadLetter(reason: "it was given back", Failures()))
        #expect(queue.deadLetters.isEmpty)
        queue.settle(2, by: 2)
        #expect(queue.labels(for: 2) == ["a+1"])
        #expect(queue.giveBack([4], by: 3).isEmpty)
        _ = queue.detach(2)
        _ = queue.attach(3, prefetch: 2)
        #expect(queue.labels(for: 3) == ["a+2"])
        // It was handed out alone, and is again.
        _ = queue.giveBack([2], by: 3)
        #expect(queue.labels(for: 3) == ["a+2"])
    }

    @Test func anOrderedQueueGivesNothingBackAndGoesOnPushing() {
        var queue = QueueState(ordering: .perKey)
        _ = queue.attach(1, prefetch: 2)
        _ = queue.publish(["a", "b", "c"].map(QueueState.message))
        #expect(queue.labels(for: 1) == ["a", "b"])
        #expect(queue.stop(1) == [1])
        #expect(queue.giveBack([1, 2], by: 1).isEmpty)
        _ = queue.attach(2, prefetch: 2)
        queue.settle(1, by: 1)
        #expect(queue.labels(for: 2) == ["wait"])
        _ = queue.detach(1)
        #expect(queue.labels(for: 2) == ["b+1", "c+1"])
    }

    @Test func everythingThatWaitsIsMovedWithItsCounts() {
        var queue = QueueState(ordering: .none)
        _ = queue.publish(["dead", "retried", "returned"].map(QueueState.message))
        _ = queue.attach(1, prefetch: 10)
        _ = queue.labels(for: 1)
        let failures = Failures(count: 2, lastReason: "no")
        queue.settle(1, by: 1, .deadLetter(reason: "why", failures))
        queue.settle(2, by: 1, .retry(after: .seconds(3600), failures))
        _ = queue.detach(1)
        _ = queue.publish(["fresh"].map(QueueState.message))
        let (waiting, _) = queue.takeWaiting()
        #expect(queue.isIdle && queue.deadLetters.isEmpty)
        #expect(waiting.count == 4)
        var other = QueueState(ordering: .none)
        _ = other.attach(5, prefetch: 10)
        #expect(other.add(waiting) == [5])
        guard case .deliveries(let deliveries) = other.take(by: 5, now: .zero).0 else {
            Issue.record("nothing was moved")
            return
        }
        #expect(deliveries.map(\.message.id) == ["returned", "fresh", "retried"])
        #expect(deliveries.map(\.returns) == [1, 0, 0])
        #expect(deliveries.map(\.failures.count) == [0, 0, 2])
        #expect(other.deadLetters.map(\.failures) == [failures])
    }
}
