// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import NIOCore
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    /// By AMQP alone; what RabbitMQ's management tells is in the tests of the commands.
    @Suite(
        "The difference between code and RabbitMQ",
        .enabled(if: Broker.url != nil),
        .serialized,
        .timeLimit(.minutes(2))
    )
    struct RabbitDriftTests {
        private func drifts(of subscription: Subscription, on bus: RabbitEventBus) async throws -> [Drift] {
            TopologyComparison.drifts(of: [subscription], on: try await bus.topology(of: [subscription]))
        }

        /// A subscription of which the broker has one queue with other arguments.
        private func withQueue(
            _ subscription: Subscription,
            _ queue: String,
            _ arguments: Topology.Arguments,
            _ body: ([Drift]) async throws -> Void
        ) async throws {
            try await Broker.withBus { bus in
                try await bus.declare([subscription])
                try await Broker.delete([queue])
                try await Broker.withChannel { connection, channel in
                    let declare = ClientMethod.queueDeclare(name: queue, passive: false, arguments: arguments)
                    try await connection.call(declare, on: channel)
                }
                try await body(try await self.drifts(of: subscription, on: bus))
            }
            try await Broker.delete(subscription.name)
        }

        @Test(
            "All is missing, then is added, and then nothing is different",
            arguments: [(Ordering.none, 1), (.perKey, 1), (.perKey, 3)]
        )
        func added(_ ordering: Ordering, _ shards: Int) async throws {
            let (subscription, topic) = try Broker.subscription(ordering, shards: shards)
            try await Broker.withBus { bus in
                let missing = try await self.drifts(of: subscription, on: bus)
                #expect(missing.allSatisfy { $0.remedy == .safe }, "\(missing)")
                let queues = Topology.queues(of: subscription).map { "queue \($0.name)" }
                #expect(missing.map(\.object).filter { $0.hasPrefix("queue ") } == queues)
                // To ask creates nothing.
                #expect(try await self.drifts(of: subscription, on: bus) == missing)
                try await bus.declare([subscription])
                #expect(try await self.drifts(of: subscription, on: bus) == [])
                let message = Message(id: "m", topic: topic, source: "/t", time: .init(seconds: 0), body: [])
                #expect(await bus.publish([message])[0].isConfirmed)
                #expect(try await self.drifts(of: subscription, on: bus).map(\.kind) == [.noConsumers])
            }
            try await Broker.delete(subscription.name)
        }

        @Test("A queue of another type is told as such")
        func classic() async throws {
            let (subscription, _) = try Broker.subscription()
            let name = subscription.name.description
            try await self.withQueue(subscription, name, []) { drifts in
                #expect(drifts.map(\.object) == ["queue \(name)"])
                #expect(drifts.map(\.kind) == [.queueType])
                #expect(drifts.map(\.found) == ["classic"])
                #expect(drifts.map(\.remedy) == [.move])
            }
        }

        @Test("Every argument that differs is told with both values, although RabbitMQ names one at a time")
        func arguments() async throws {
            let (subscription, _) = try Broker.subscription(.perKey)
            let name = subscription.name.description
            let arguments: Topology.Arguments = [
                ("x-queue-type", "quorum"), ("x-delivery-limit", 5), ("x-dead-letter-exchange", "amq.direct"),
                ("x-overflow", "drop-head"), ("x-message-ttl", 60_000), ("x-max-length", 10), ("x-expires", 600_000),
            ]
            try await self.withQueue(subscription, name, arguments) { drifts in
                let texts = drifts.map { "\($0.kind.rawValue): \($0.wanted) / \($0.found)" }
                #expect(
                    texts == [
                        "dead-lettering: x-dead-letter-exchange '' / 'amq.direct'",
                        "dead-lettering: x-dead-letter-routing-key '\(name).dead' / none",
                        "dead-lettering: x-dead-letter-strategy 'at-least-once' / none",
                        "delivery-limit: x-delivery-limit 1000000 / 5",
                        "expiry: x-expires none / 600000",
                        "length-limit: x-max-length none / 10",
                        "message-ttl: x-message-ttl none / 60000",
                        "overflow: x-overflow 'reject-publish' / 'drop-head'",
                        "ordering: x-single-active-consumer true / none",
                    ]
                )
                #expect(drifts.allSatisfy { $0.remedy == .move })
            }
        }

        @Test("A retry queue with another delay is told, one that is missing is not")
        func retryQueue() async throws {
            let (subscription, _) = try Broker.subscription()
            let retry = Topology.retry(subscription.name, .seconds(10))
            let arguments =
                Topology.retryArguments(of: subscription.name, .seconds(10)).filter { $0.0 != "x-message-ttl" }
                + [("x-message-ttl", 9_000)]
            try await self.withQueue(subscription, retry, arguments) { drifts in
                #expect(drifts.map(\.kind) == [.retryQueue])
                #expect(drifts.map(\.wanted) == ["x-message-ttl 10000"])
                #expect(drifts.map(\.found) == ["9000"])
            }
        }

        @Test("Another number of shards is one difference, also none at all")
        func shards() async throws {
            let (three, _) = try Broker.subscription(.perKey, shards: 3)
            try await Broker.withBus { bus in
                try await bus.declare([three])
                for (shards, text) in [(2, "2 shards"), (1, "no shards")] {
                    let other = try Subscription(
                        three.name,
                        patterns: three.patterns,
                        ordering: .perKey,
                        shards: shards
                    )
                    let drifts = try await self.drifts(of: other, on: bus)
                    #expect(drifts.map(\.kind) == [.shards])
                    #expect(drifts.map(\.wanted) == [text])
                    #expect(drifts.map(\.found) == ["3 shards"])
                }
            }
            try await Broker.delete(three.name)
        }

        @Test("An exchange of another type or with arguments of its own is told")
        func exchange() async throws {
            let (subscription, _) = try Broker.subscription(.perKey, shards: 2)
            let exchange = Topology.shardExchange(subscription.name)
            try await Broker.withBus { bus in
                try await bus.declare([subscription])
                try await Broker.withChannel { connection, channel in
                    try await connection.call(.exchangeDelete(name: exchange), on: channel)
                    let other = ClientMethod.exchangeDeclare(
                        name: exchange,
                        type: "direct",
                        arguments: [("alternate-exchange", "lost")]
                    )
                    try await connection.call(other, on: channel)
                }
                let drifts = try await self.drifts(of: subscription, on: bus)
                #expect(drifts.map(\.kind) == [.exchangeType, .exchangeArgument])
                #expect(drifts.map(\.found) == ["direct", "'lost'"])
            }
            try await Broker.delete(subscription.name)
        }

        @Test("What may not be asked for is unknown, and no difference", .enabled(if: Broker.control != nil))
        func rights() async throws {
            let (subscription, _) = try Broker.subscription()
            try await Broker.withBus { try await $0.declare([subscription]) }
            try await Broker.withUser(configure: "^$", write: ".*", read: ".*") { configuration in
                try await Broker.withBus(configuration) { bus in
                    let broker = try await bus.topology(of: [subscription])
                    #expect(TopologyComparison.drifts(of: [subscription], on: broker) == [])
                    let refused = broker.unknown.filter { $0.contains("ACCESS_REFUSED") }
                    #expect(refused.count == 4, "the exchange and three queues: \(broker.unknown)")
                }
            }
            try await Broker.delete(subscription.name)
        }
    }
}
