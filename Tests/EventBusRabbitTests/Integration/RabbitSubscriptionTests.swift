// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Synchronization
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    @Suite("Changing subscriptions on RabbitMQ", .enabled(if: Broker.url != nil), .serialized, .timeLimit(.minutes(2)))
    struct RabbitSubscriptionTests {
        private func subscription(_ ordering: Ordering = .none, prefetch: Int = 64) throws -> Subscription {
            let word = "s-\(Stamp.next().id)"
            let patterns = [try TopicPattern("\(word).#")]
            return try Subscription(
                SubscriptionName("\(word).main"),
                patterns: patterns,
                prefetch: prefetch,
                ordering: ordering
            )
        }

        private func messages(_ count: Int, for subscription: Subscription) throws -> [Message] {
            let word = subscription.name.description.dropLast(".main".count)
            return try (1...count).map { number in
                Message(
                    id: "\(number)",
                    topic: try Topic("\(word).event"),
                    source: "/s",
                    time: .init(seconds: 0),
                    body: []
                )
            }
        }

        @Test("Removing a subscription deletes all its queues", arguments: [Ordering.none, .perKey])
        func removed(_ ordering: Ordering) async throws {
            let subscription = try self.subscription(ordering)
            let queues = Topology.queues(of: subscription).map(\.name)
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { _ in }
                try await bus.remove(subscription.name)
                try await bus.withConnection("test") { connection in
                    for queue in queues {
                        let count = try await connection.count(of: queue)
                        #expect(count == nil)
                    }
                }
            }
        }

        @Test(
            "A consumer that stops in the middle of its work loses nothing, doubles nothing and hardly counts a return"
        )
        func stopUnderLoad() async throws {
            let subscription = try self.subscription(prefetch: 50)
            let handled = Mutex<[String]>([])
            let returns = Mutex<[Int]>([])
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { _ in }
                let outcomes = await bus.publish(try self.messages(600, for: subscription))
                #expect(outcomes.allSatisfy { $0.isConfirmed })
                for rest in [100, 200, 300, 400, 500] {
                    try await bus.withDeliveries(to: subscription) { deliveries in
                        while handled.withLock({ $0.count }) < rest {
                            guard let batch = try await deliveries.next() else { break }
                            returns.withLock { $0 += batch.map(\.returns) }
                            let share = batch.prefix(max(1, batch.count / 2))
                            for delivery in share { deliveries.settle(delivery.id, .done) }
                            handled.withLock { $0 += share.map(\.message.id) }
                            // Those that are kept are given back after the stop, while acknowledgements are on their way.
                            if handled.withLock({ $0.count }) >= rest { deliveries.stop() }
                            deliveries.giveBack(batch.dropFirst(share.count).map(\.id))
                        }
                        try await deliveries.flush()
                    }
                }
                try await bus.withDeliveries(to: subscription) { deliveries in
                    while handled.withLock({ $0.count }) < 600, let batch = try await deliveries.next() {
                        returns.withLock { $0 += batch.map(\.returns) }
                        for delivery in batch { deliveries.settle(delivery.id, .done) }
                        handled.withLock { $0 += batch.map(\.message.id) }
                    }
                    try await deliveries.flush()
                }
            }
            #expect(handled.withLock { $0.count } == 600)
            report(fault: "33", lost: 600 - handled.withLock { Set($0).count }, seconds: 0)
            // What the broker was about to send when the consumer ended may count one at each of the five stops, the fuller its
            // channel the more; if all that was held came back, it would be the prefetch each time.
            #expect(returns.withLock { $0.reduce(0, +) } < 200)
            #expect(returns.withLock { $0.count { $0 > 1 } } < 20)
            try await Broker.delete(subscription.name)
        }

        @Test("Many messages are moved in order from an ordered subscription, and again after an interruption")
        func movedInOrder() async throws {
            let (source, target) = (try self.subscription(.perKey), try self.subscription(.perKey, prefetch: 2000))
            try await Broker.withBus { bus in
                for subscription in [source, target] { try await bus.withDeliveries(to: subscription) { _ in } }
                _ = await bus.publish(try self.messages(700, for: source))
                let interrupted = Task { try await bus.move(source.name, to: target.name) }
                try await eventually(within: .seconds(10), "some are moved") {
                    try await Broker.count(target.name.description) > 50
                }
                interrupted.cancel()
                _ = await interrupted.result
                try await bus.move(source.name, to: target.name)
                let left = try await Broker.count(source.name.description)
                #expect(left == 0)
                try await bus.withDeliveries(to: target) { deliveries in
                    var ids: [Int] = []
                    while ids.last != 700, let batch = try await deliveries.next() {
                        ids += batch.compactMap { Int($0.message.id) }
                        for delivery in batch { deliveries.settle(delivery.id, .done) }
                    }
                    try await deliveries.flush()
                    #expect(Set(ids) == Set(1...700))
                    // At most the few that were being moved are there twice.
                    #expect(ids.count <= 716)
                }
            }
            for subscription in [source, target] { try await Broker.delete(subscription.name) }
        }
    }
}
