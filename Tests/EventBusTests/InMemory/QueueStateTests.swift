// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Queue of the in-process bus")
struct QueueStateTests {
    private var now = Duration.zero

    private func messages(_ labels: String...) -> [Message] {
        labels.map { Message(id: $0, topic: "t", time: Date(timeIntervalSince1970: 0), body: []) }
    }

    /// What a consumer gets: labels with returns, or a word for any other answer.
    private mutating func take(_ queue: inout QueueState, _ consumer: UInt64) -> [String] {
        switch queue.take(by: consumer, now: self.now).0 {
        case .deliveries(let deliveries):
            deliveries.map { $0.returns == 0 ? $0.message.id : "\($0.message.id)+\($0.returns)" }
        case .wait(nil): ["wait"]
        case .wait(let due?): ["wait until \(due.components.seconds)"]
        case .stopped: ["stopped"]
        case .detached: ["detached"]
        }
    }

    @discardableResult
    private mutating func settle(
        _ queue: inout QueueState,
        _ tag: UInt64,
        by consumer: UInt64,
        _ verdict: Verdict = .done
    ) -> [UInt64] {
        queue.settle(tag, by: consumer, verdict, now: self.now) {
            Stamp(id: Identifier(high: 0, low: 0), time: Date(timeIntervalSince1970: 9))
        }
    }

    @Test mutating func aQueueWithoutConsumersKeepsItsMessages() {
        var queue = QueueState(ordering: .none)
        #expect(queue.publish(self.messages("a", "b")).isEmpty)
        #expect(queue.attach(1, prefetch: 10) == [1])
        #expect(self.take(&queue, 1) == ["a", "b"])
        #expect(self.take(&queue, 1) == ["wait"])
    }

    @Test mutating func messagesAreDistributedInTurn() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 2)
        _ = queue.attach(2, prefetch: 3)
        _ = queue.publish(self.messages("a", "b", "c", "d", "e", "f"))
        #expect(self.take(&queue, 1) == ["a", "c"])
        #expect(self.take(&queue, 2) == ["b", "d", "e"])
        #expect(self.take(&queue, 1) == ["wait"])
        #expect(self.settle(&queue, 2, by: 1) == [1])
        #expect(self.take(&queue, 1) == ["f"])
    }

    @Test mutating func onlyConsumersThatGetAMessageAreWoken() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 1)
        _ = queue.attach(2, prefetch: 1)
        #expect(queue.publish(self.messages("a")) == [1])
        #expect(queue.publish(self.messages("b")) == [2])
        #expect(queue.publish(self.messages("c")).isEmpty)
    }

    @Test mutating func aWokenConsumerIsNotWokenAgainBeforeItHasAsked() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 10)
        #expect(queue.publish(self.messages("a")) == [1])
        #expect(queue.publish(self.messages("b")).isEmpty)
        #expect(self.take(&queue, 1) == ["a", "b"])
        #expect(queue.publish(self.messages("c")).isEmpty, "it will ask again")
        #expect(self.take(&queue, 1) == ["c"])
        #expect(self.take(&queue, 1) == ["wait"])
        #expect(queue.publish(self.messages("d")) == [1])
    }

    @Test mutating func allPrefetchedMessagesComeBackEvenIfNotHandedOut() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 3)
        _ = queue.publish(self.messages("a"))
        #expect(self.take(&queue, 1) == ["a"])
        _ = queue.publish(self.messages("b", "c", "d"))
        _ = queue.detach(1)
        #expect(self.take(&queue, 1) == ["detached"])
        _ = queue.attach(2, prefetch: 10)
        for (tag, label) in [(UInt64(2), "a+1"), (3, "b+1"), (4, "c+1")] {
            #expect(self.take(&queue, 2) == [label])
            #expect(self.take(&queue, 2) == ["wait"])
            self.settle(&queue, tag, by: 2)
        }
        #expect(self.take(&queue, 2) == ["d"])
    }

    @Test mutating func aCrashingMessageCountsEachReturnAndItsNeighborsOnlyOne() {
        var queue = QueueState(ordering: .none)
        _ = queue.publish(self.messages("k", "a", "b"))
        _ = queue.attach(1, prefetch: 10)
        #expect(self.take(&queue, 1) == ["k", "a", "b"])
        for consumer in 2...5 as ClosedRange<UInt64> {
            _ = queue.detach(consumer - 1)
            _ = queue.attach(consumer, prefetch: 10)
            #expect(self.take(&queue, consumer) == ["k+\(consumer - 1)"])
        }
        self.settle(&queue, 1, by: 5, .deadLetter(reason: "kills", Failures(count: 4)))
        #expect(queue.deadLetters.map(\.message.id) == ["k"])
        #expect(queue.deadLetters.map(\.deadAt) == [Date(timeIntervalSince1970: 9)])
        #expect(self.take(&queue, 5) == ["a+1"])
    }

    @Test mutating func aReturnedMessageWaitsForUnsettledOnesAndHoldsBackNewOnes() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 10)
        _ = queue.publish(self.messages("a"))
        #expect(self.take(&queue, 1) == ["a"])
        _ = queue.attach(2, prefetch: 10)
        _ = queue.publish(self.messages("b"))
        #expect(self.take(&queue, 2) == ["b"])
        #expect(queue.detach(2).contains(1))
        _ = queue.publish(self.messages("c"))
        #expect(self.take(&queue, 1) == ["wait"])
        self.settle(&queue, 1, by: 1)
        #expect(self.take(&queue, 1) == ["b+1"])
        #expect(self.take(&queue, 1) == ["wait"])
        self.settle(&queue, 3, by: 1)
        #expect(self.take(&queue, 1) == ["c"])
    }

    @Test mutating func consumersAreWokenWhenAnotherTakesTheReturnedMessage() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 10)
        _ = queue.publish(self.messages("a"))
        #expect(self.take(&queue, 1) == ["a"])
        _ = queue.attach(2, prefetch: 1)
        _ = queue.publish(self.messages("b"))
        #expect(self.take(&queue, 2) == ["b"])
        _ = queue.detach(2)
        _ = queue.publish(self.messages("c"))
        #expect(self.take(&queue, 1) == ["wait"])
        _ = queue.attach(3, prefetch: 10)
        let (taken, woken) = queue.take(by: 3, now: self.now)
        guard case .deliveries = taken else {
            Issue.record("consumer 3 is idle and should take the returned message")
            return
        }
        #expect(woken.contains(1))
        #expect(self.take(&queue, 1) == ["c"])
    }

    @Test mutating func aRetryWaitsForItsDelayAndThenJoinsTheBack() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 1)
        _ = queue.publish(self.messages("a", "b"))
        #expect(self.take(&queue, 1) == ["a"])
        // The closest delay of the ladder to two seconds is one second.
        self.settle(&queue, 1, by: 1, .retry(after: .seconds(2), Failures(count: 1)))
        #expect(self.take(&queue, 1) == ["b"])
        self.now = .seconds(0.999)
        #expect(self.take(&queue, 1) == ["wait until 1"])
        self.now = .seconds(1)
        #expect(self.take(&queue, 1) == ["wait"])
        self.settle(&queue, 2, by: 1)
        #expect(self.take(&queue, 1) == ["a"])
    }

    @Test mutating func everyConsumerIsWokenForARetryThatIsDueEarlier() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 1)
        _ = queue.attach(2, prefetch: 1)
        _ = queue.publish(self.messages("a"))
        #expect(self.take(&queue, 1) == ["a"])
        #expect(self.take(&queue, 2) == ["wait"])
        #expect(self.settle(&queue, 1, by: 1, .retry(after: .seconds(5), Failures(count: 1))).contains(2))
        #expect(self.take(&queue, 2) == ["wait until 5"])
    }

    @Test mutating func retriesBecomeDueInOrder() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 10)
        _ = queue.publish(self.messages("a", "b", "c", "d"))
        #expect(self.take(&queue, 1) == ["a", "b", "c", "d"])
        for (tag, seconds) in [(UInt64(1), 30), (2, 1), (3, 5), (4, 1)] {
            self.settle(&queue, tag, by: 1, .retry(after: .seconds(seconds), Failures(count: 1)))
        }
        self.now = .seconds(5)
        #expect(self.take(&queue, 1) == ["b", "d", "c"])
        #expect(self.take(&queue, 1) == ["wait until 30"])
    }

    @Test mutating func aStoppedConsumerGetsNothingAndCanStillSettle() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 10)
        _ = queue.publish(self.messages("a"))
        #expect(self.take(&queue, 1) == ["a"])
        #expect(queue.stop(1) == [1])
        _ = queue.publish(self.messages("b"))
        #expect(self.take(&queue, 1) == ["stopped"])
        self.settle(&queue, 1, by: 1)
        _ = queue.detach(1)
        _ = queue.attach(2, prefetch: 10)
        // The message had already been assigned to the stopped consumer.
        #expect(self.take(&queue, 2) == ["b+1"])
    }

    @Test mutating func verdictsOnOtherDeliveriesAreIgnored() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 10)
        _ = queue.publish(self.messages("a"))
        // Not handed out yet, unknown, and of an unknown consumer.
        for (tag, consumer) in [(UInt64(1), UInt64(1)), (2, 1), (0, 1), (1, 2)] {
            #expect(self.settle(&queue, tag, by: consumer).isEmpty)
        }
        #expect(self.take(&queue, 1) == ["a"])
        self.settle(&queue, 1, by: 1)
        #expect(self.settle(&queue, 1, by: 1, .deadLetter(reason: "", Failures())).isEmpty)
        #expect(queue.deadLetters.isEmpty)
    }

    @Test mutating func anOrderedQueueHasOneActiveConsumer() {
        var queue = QueueState(ordering: .perKey)
        _ = queue.attach(1, prefetch: 2)
        _ = queue.attach(2, prefetch: 2)
        _ = queue.publish(self.messages("a", "b", "c"))
        #expect(self.take(&queue, 1) == ["a", "b"])
        #expect(self.take(&queue, 2) == ["wait"])
        self.settle(&queue, 1, by: 1)
        // A stopped consumer is still active: its messages must not be overtaken.
        _ = queue.stop(1)
        #expect(self.take(&queue, 2) == ["wait"])
        #expect(queue.detach(1).contains(2))
        #expect(self.take(&queue, 2) == ["b+1", "c+1"])
    }

    @Test mutating func anOrderedQueueReturnsAllMessagesTogetherInOrder() {
        var queue = QueueState(ordering: .perKey)
        _ = queue.publish(self.messages("a", "b", "c", "d"))
        for consumer in 1...3 as ClosedRange<UInt64> {
            _ = queue.attach(consumer, prefetch: 3)
            let suffix = consumer == 1 ? "" : "+\(consumer - 1)"
            #expect(self.take(&queue, consumer) == ["a", "b", "c"].map { $0 + suffix })
            _ = queue.detach(consumer)
        }
        _ = queue.attach(4, prefetch: 4)
        #expect(self.take(&queue, 4) == ["a+3", "b+3", "c+3", "d"])
    }
}
