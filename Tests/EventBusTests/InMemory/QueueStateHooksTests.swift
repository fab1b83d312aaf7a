// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization
import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Test hooks of the in-process queue")
struct QueueStateHooksTests {
    private func messages(_ labels: String...) -> [Message] {
        labels.map { Message(id: $0, topic: "t", time: Date(timeIntervalSince1970: 0), body: []) }
    }

    private func take(_ queue: inout QueueState, _ consumer: UInt64, now: Duration = .zero) -> [Delivery] {
        guard case .deliveries(let deliveries) = queue.take(by: consumer, now: now).0 else { return [] }
        return deliveries
    }

    private static func stamp() -> Stamp {
        Stamp(id: Identifier(high: 0, low: 0), time: Date(timeIntervalSince1970: 9))
    }

    // MARK: Choosing

    @Test func theCallerChoosesAmongConsumersWithRoom() {
        let offers = Mutex<[[UInt64]]>([])
        var queue = QueueState(ordering: .none) { consumers, message in
            offers.withLock { $0.append(consumers) }
            return message.id == "a" ? 2 : message.id == "b" ? 7 : 0
        }
        for consumer in 1...3 as ClosedRange<UInt64> { _ = queue.attach(consumer, prefetch: 1) }
        _ = queue.publish(self.messages("a"))
        _ = queue.publish(self.messages("b"))
        _ = queue.publish(self.messages("c", "d"))
        #expect(offers.withLock { $0 } == [[1, 2, 3], [1, 2], [2]])
        #expect(self.take(&queue, 3).map(\.message.id) == ["a"])
        // An index out of range selects the first consumer.
        #expect(self.take(&queue, 1).map(\.message.id) == ["b"])
        #expect(self.take(&queue, 2).map(\.message.id) == ["c"])
    }

    @Test func anOrderedQueueLeavesNoChoice() {
        var queue = QueueState(ordering: .perKey) { _, _ in 1 }
        _ = queue.attach(1, prefetch: 2)
        _ = queue.attach(2, prefetch: 2)
        _ = queue.publish(self.messages("a", "b"))
        #expect(self.take(&queue, 1).map(\.message.id) == ["a", "b"])
    }

    // MARK: Copies of deliveries that stay unsettled

    @Test func anUnsettledDeliveryWithADeadLetterCopyComesBack() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 1)
        _ = queue.publish(self.messages("a"))
        let delivery = self.take(&queue, 1)[0]
        let verdict = Verdict.deadLetter(reason: "no use", Failures(count: 5))
        _ = queue.settle(delivery.id.tag, by: 1, verdict, now: .zero, stamp: Self.stamp, staysUnsettled: true)
        #expect(queue.deadLetters.map(\.message.id) == ["a"])
        _ = queue.detach(1)
        _ = queue.attach(2, prefetch: 1)
        let again = self.take(&queue, 2)
        #expect(again.map(\.message.id) == ["a"])
        #expect(again.map(\.returns) == [1])
        #expect(again.map(\.failures) == [Failures()])
    }

    @Test func anUnsettledDeliveryWithARetryCopyIsDuplicated() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 2)
        _ = queue.attach(2, prefetch: 2)
        _ = queue.publish(self.messages("a"))
        let delivery = self.take(&queue, 1)[0]
        let verdict = Verdict.retry(after: .seconds(1), Failures(count: 1))
        let woken = queue.settle(delivery.id.tag, by: 1, verdict, now: .zero, stamp: Self.stamp, staysUnsettled: true)
        #expect(woken.contains(2), "every waiting consumer has to wake up when the retry is due")
        #expect(self.take(&queue, 2, now: .seconds(1)).map(\.failures.count) == [1])
        // The original can still be settled, once.
        #expect(queue.outstanding(delivery.id.tag, of: 1) != nil)
        _ = queue.settle(delivery.id.tag, by: 1, .done, now: .zero, stamp: Self.stamp)
        #expect(queue.outstanding(delivery.id.tag, of: 1) == nil)
        #expect(
            queue.settle(delivery.id.tag, by: 1, verdict, now: .zero, stamp: Self.stamp, staysUnsettled: true).isEmpty
        )
    }

    @Test func onlyHandedOutDeliveriesAreCopied() {
        var queue = QueueState(ordering: .none)
        _ = queue.attach(1, prefetch: 1)
        _ = queue.publish(self.messages("a"))
        for (tag, consumer) in [(UInt64(1), UInt64(1)), (2, 1), (1, 2)] {
            let verdict = Verdict.deadLetter(reason: "", Failures())
            #expect(
                queue.settle(tag, by: consumer, verdict, now: .zero, stamp: Self.stamp, staysUnsettled: true).isEmpty
            )
        }
        #expect(queue.deadLetters.isEmpty)
    }

    // MARK: Reports

    @Test func aReportShowsWhereEveryMessageIs() async throws {
        let bus = InMemoryEventBus(clock: ContinuousClock())
        #expect(bus.report().isEmpty)
        for name in ["zebra", "ant"] as [SubscriptionName] {
            try await bus.withDeliveries(to: Subscription(name, patterns: ["t"])) { _ in }
        }
        #expect(bus.report().map(\.name) == ["zebra", "ant"], "in the order in which they were first opened")
        #expect(bus.report(of: "nobody") == nil)
        try await bus.withDeliveries(to: Subscription("ant", patterns: ["t"], prefetch: 3)) { deliveries in
            _ = await bus.publish(self.messages("a", "b", "c", "d"))
            let taken = try #require(try await deliveries.next())
            deliveries.settle(taken[0].id, .retry(after: .seconds(86400), Failures(count: 1)))
            deliveries.settle(taken[1].id, .deadLetter(reason: "no use", Failures(count: 1)))
            _ = await bus.publish(self.messages("e", "f"))
            let report = try #require(bus.report(of: "ant"))
            #expect(report.consumers.count == 1)
            #expect(report.unsettled.map(\.message.id) == ["c", "d", "e"])
            #expect(Set(report.unsettled.map(\.consumer)) == Set(report.consumers))
            #expect(report.ready.map(\.id) == ["f"])
            #expect(report.delayed.map(\.message.id) == ["a"])
            #expect(report.delayed.allSatisfy { $0.due >= .seconds(86400) })
            #expect(report.deadLetters.map(\.message.id) == ["b"])
            #expect(report.suspendedPublishers == 0)
        }
        #expect(bus.report(of: "zebra")?.ready.count == 6)
        #expect(bus.report(of: "ant")?.ready.map(\.id) == ["c", "d", "e", "f"])
        #expect(bus.report(of: "ant")?.consumers.isEmpty == true)
    }
}
