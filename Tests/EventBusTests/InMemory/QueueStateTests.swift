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

    private func messages(_ labels: String...) -> [Message] { labels.map(QueueState.message) }

    private func take(_ queue: inout QueueState, _ consumer: UInt64) -> [String] {
        queue.labels(for: consumer, now: self.now)
    }

    @discardableResult
    private func settle(
        _ queue: inout QueueState,
        _ tag: UInt64,
        by consumer: UInt64,
        _ verdict: Verdict = .done
    ) -> [UInt64] {
        queue.settle(tag, by: consumer, verdict, now: self.now)
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

    @Test mutating func bodiesBeyondTheBytesWaitUntilOthersAreSettled() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 3, bytes: 1)
        var messages = self.messages("a", "b", "c", "d")
        for index in messages.indices { messages[index].body = [1, 2] }
        _ = queue.publish(messages)
        #expect(self.take(&queue, 1) == ["a"])
        #expect(self.take(&queue, 1) == ["wait"])
        #expect(self.settle(&queue, 1, by: 1) == [1])
        #expect(self.take(&queue, 1) == ["b"])
        #expect(queue.giveBack([2], by: 1).contains(1))
        #expect(self.take(&queue, 1) == ["c"])
        #expect(queue.attach(2, prefetch: 10) == [], "what is held back belongs to its consumer")
        #expect(queue.stop(1).contains(2))
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
        #expect(self.take(&queue, 2) == ["a+1", "b+1", "c+1", "d"])
    }

    @Test mutating func whatCameBackTwiceIsHandedOutOneByOne() {
        var queue = QueueState(ordering: .none)
        _ = queue.publish(self.messages("a", "b"))
        queue.abandon(from: 1)
        _ = queue.publish(self.messages("c"))
        _ = queue.attach(3, prefetch: 10)
        for (tag, label) in [(UInt64(2), "a+2"), (3, "b+2")] {
            #expect(self.take(&queue, 3) == [label])
            #expect(self.take(&queue, 3) == ["wait"])
            self.settle(&queue, tag, by: 3)
        }
        #expect(self.take(&queue, 3) == ["c"])
    }

    @Test mutating func aCrashingMessageCountsEachReturnAndItsNeighborsOnlyOne() {
        var queue = QueueState(ordering: .none)
        _ = queue.publish(self.messages("k", "a", "b"))
        queue.abandon(from: 1)
        for consumer in 3...5 as ClosedRange<UInt64> {
            _ = queue.detach(consumer - 1)
            _ = queue.attach(consumer, prefetch: 10)
            #expect(self.take(&queue, consumer) == ["k+\(consumer - 1)"])
        }
        self.settle(&queue, 1, by: 5, .deadLetter(reason: "kills", Failures(count: 4)))
        #expect(queue.deadLetters.map(\.message.id) == ["k"])
        #expect(queue.deadLetters.map(\.deadAt) == [Date(timeIntervalSince1970: 9)])
        #expect(self.take(&queue, 5) == ["a+2"])
    }

    @Test mutating func aReturnedMessageWaitsForUnsettledOnesAndHoldsBackNewOnes() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 10)
        _ = queue.publish(self.messages("a"))
        #expect(self.take(&queue, 1) == ["a"])
        _ = queue.attach(2, prefetch: 10)
        _ = queue.publish(self.messages("b"))
        #expect(self.take(&queue, 2) == ["b"])
        _ = queue.detach(2)
        _ = queue.stop(1)
        _ = queue.attach(3, prefetch: 10)
        #expect(self.take(&queue, 3) == ["b+1"])
        _ = queue.attach(4, prefetch: 10)
        _ = queue.publish(self.messages("c"))
        #expect(self.take(&queue, 4) == ["c"])
        #expect(queue.detach(3).contains(4))
        _ = queue.publish(self.messages("d"))
        #expect(self.take(&queue, 4) == ["wait"])
        self.settle(&queue, 1, by: 4)
        #expect(self.take(&queue, 4) == ["b+2"])
        #expect(self.take(&queue, 4) == ["wait"])
        self.settle(&queue, 3, by: 4)
        #expect(self.take(&queue, 4) == ["d"])
    }

    @Test mutating func consumersAreWokenWhenAnotherTakesTheReturnedMessage() {
        var queue = QueueState(ordering: .none)
        _ = queue.publish(self.messages("b"))
        queue.abandon(from: 4)
        _ = queue.publish(self.messages("a"))
        // It asks before the one that came back is handed out.
        _ = queue.attach(1, prefetch: 10)
        _ = queue.publish(self.messages("c"))
        _ = queue.attach(3, prefetch: 10)
        let (taken, woken) = queue.take(by: 3, now: self.now)
        guard case .deliveries = taken else {
            Issue.record("consumer 3 is idle and should take the returned message")
            return
        }
        #expect(woken.contains(1))
        #expect(self.take(&queue, 1) == ["a", "c"])
    }

    @Test mutating func aRetryWaitsForItsDelayAndThenJoinsTheBack() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 1)
        _ = queue.publish(self.messages("a", "b"))
        #expect(self.take(&queue, 1) == ["a"])
        self.settle(&queue, 1, by: 1, .retry(after: .seconds(1), Failures(count: 1)))
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
        #expect(self.take(&queue, 2) == ["b"])
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
