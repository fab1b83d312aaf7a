// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import NIOCore
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    @Suite("Faults of sharded subscriptions on RabbitMQ", .enabled(if: Broker.url != nil), .serialized)
    struct RabbitShardFaultTests {
        private func message(_ id: String, _ topic: Topic, key: String?) -> Message {
            Message(id: id, topic: topic, source: "/s", time: .init(seconds: 0), orderingKey: key, body: [])
        }

        @Test("What another program puts into the subscription's own queue reaches the shard of its key")
        func ownQueue() async throws {
            let (subscription, topic) = try Broker.subscription(.perKey, prefetch: 2, shards: 2, retryDelays: [])
            let own = subscription.name.description
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    #expect(await bus.publish([self.message("1", topic, key: "k")])[0].isConfirmed)
                    let first = try #require(try await deliveries.next()?.first)
                    for _ in 0..<3 {
                        try await Broker.publish(
                            ByteBuffer(string: "{}"),
                            routingKey: own,
                            exchange: "",
                            properties: Properties(messageID: "2"),
                            headers: [("x-ordering-key", .string("k")), ("x-topic", .string(topic.name))]
                        )
                    }
                    // The part of the shard is one delivery.
                    deliveries.settle(first.id, .done)
                    for _ in 0..<3 {
                        let next = try #require(try await deliveries.next()?.first)
                        #expect(next.message.id == "2" && next.message.topic == topic)
                        #expect(next.id.generation == first.id.generation, "the same shard")
                        deliveries.settle(next.id, .done)
                    }
                    try await deliveries.flush()
                }
                try await eventually(within: .seconds(10), "nothing in \(own)") { try await Broker.count(own) == 0 }
            }
            try await Broker.delete(subscription.name)
        }

        @Test("When the first shard is missing, dead letters come back all the same and the others are removed")
        func gap() async throws {
            let (subscription, topic) = try Broker.subscription(.perKey, shards: 3, retryDelays: [])
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    #expect(await bus.publish([self.message("1", topic, key: "k")])[0].isConfirmed)
                    let first = try #require(try await deliveries.next()?.first)
                    deliveries.settle(first.id, .deadLetter(reason: "no", Failures(count: 1)))
                    try await deliveries.flush()
                }
                try await Broker.delete([subscription.shard(0).name.description])
                let shards = try await bus.withConnection("test") { try await $0.shards(of: subscription.name) }
                #expect(shards == [1, 2].map { subscription.shard($0).name.description })
                #expect(try await bus.redrive(subscription.name) == 1)
                #expect(try await Broker.count(subscription.name.description) == 0)
                try await bus.withDeliveries(to: subscription) { deliveries in
                    let again = try #require(try await deliveries.next()?.first)
                    #expect(again.redrives == 1)
                    deliveries.settle(again.id, .done)
                    try await deliveries.flush()
                }
                try await Broker.delete([subscription.shard(0).name.description])
                try await bus.unbind(subscription.patterns, from: subscription.name)
                try await bus.remove(subscription.name)
                try await bus.withConnection("test") { connection in
                    for number in 0..<3 {
                        let left = try await connection.count(of: subscription.shard(number).name.description)
                        #expect(left == nil)
                    }
                    let hasExchange = try await connection.hasExchange(Topology.shardExchange(subscription.name))
                    #expect(!hasExchange)
                }
            }
        }
    }
}
