// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    /// The table of the least rights in the wire contract.
    @Suite("Rights on RabbitMQ", .enabled(if: Broker.control != nil), .serialized, .timeLimit(.minutes(2)))
    struct RabbitRightsTests {
        private func message(_ topic: Topic) -> Message {
            Message(id: Stamp.next().id.description, topic: topic, source: "/t", time: .init(seconds: 0), body: [])
        }

        @Test("A publisher needs no more than to write to the exchange")
        func publisher() async throws {
            let (subscription, topic) = try Broker.subscription()
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { _ in }
                try await Broker.withUser(configure: "^$", write: "^events$", read: "^$") { configuration in
                    try await Broker.withBus(configuration) { publisher in
                        #expect(await publisher.publish([self.message(topic)])[0].isConfirmed)
                        #expect(publisher.health.problems.isEmpty)
                    }
                }
            }
            try await Broker.delete(subscription.name)
        }

        @Test(
            "A consumer needs to write to its queues and the default exchange, and to read its queues and the exchange",
            arguments: [(Ordering.none, 1), (.perKey, 1), (.perKey, 2)]
        )
        func consumer(_ ordering: Ordering, _ shards: Int) async throws {
            let (subscription, topic) = try Broker.subscription(ordering, shards: shards)
            let queues = "\(subscription.name)(\\.(dead|keyless|quarantine|shards|(retry|shard)\\.[0-9]+))?"
            let read = "^(events|\(queues))$"
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { _ in }
                try await bus.withConnection("test") { connection in
                    try await connection.declare([.retryQueue(of: subscription.name, .seconds(1))])
                }
                #expect(await bus.publish([self.message(topic)])[0].isConfirmed)
                let write = "^(amq\\.default|\(queues))$"
                try await Broker.withUser(configure: "^$", write: write, read: read) { configuration in
                    try await Broker.withBus(configuration) { consumer in
                        // Twice returned, so that it is quarantined.
                        for _ in 0..<2 {
                            try await consumer.withDeliveries(to: subscription) { _ = try await $0.next() }
                        }
                        for verdict in [Verdict.retry(after: .seconds(1), Failures(count: 1)), .done] {
                            try await consumer.withDeliveries(to: subscription) { deliveries in
                                let delivery = try #require(try await deliveries.next()?.first)
                                deliveries.settle(delivery.id, verdict)
                                try await deliveries.flush()
                            }
                        }
                        #expect(await bus.publish([self.message(topic)])[0].isConfirmed)
                        try await consumer.withDeliveries(to: subscription) { deliveries in
                            let delivery = try #require(try await deliveries.next()?.first)
                            deliveries.settle(delivery.id, .deadLetter(reason: "no", Failures(count: 1)))
                            try await deliveries.flush()
                        }
                        #expect(try await consumer.deadLetters(of: subscription.name).map(\.reason) == ["no"])
                        #expect(try await consumer.redrive(subscription.name) == 1)
                    }
                }
            }
            try await Broker.delete(subscription.name)
        }

        @Test("A consumer with the right to create its queues needs none to create the exchange", arguments: [1, 3])
        func creator(shards: Int) async throws {
            let (subscription, topic) = try Broker.subscription(shards > 1 ? .perKey : .none, shards: shards)
            let queues = "\(subscription.name)(\\..+)?"
            try await Broker.withBus { bus in
                try await Broker.withUser(
                    configure: "^\(queues)$",
                    write: "^(amq\\.default|\(queues))$",
                    read: "^(events|\(queues))$"
                ) { configuration in
                    try await Broker.withBus(configuration) { consumer in
                        try await consumer.withDeliveries(to: subscription) { deliveries in
                            #expect(await bus.publish([self.message(topic)])[0].isConfirmed)
                            let delivery = try #require(try await deliveries.next()?.first)
                            deliveries.settle(delivery.id, .done)
                            try await deliveries.flush()
                        }
                        try await consumer.remove(subscription.name)
                    }
                }
            }
        }

        @Test(
            "What is missing is told",
            arguments: [
                ("^$", "^(amq\\.default|#)$", "^(events|#)$", false, "does not exist and may not be created: 403"),
                ("^$", "^amq\\.default$", "^(events|#)$", true, "403"),
                ("^$", "^(amq\\.default|#)$", "^#$", true, "403"),
                ("^$", "^(amq\\.default|#)$", "^events$", true, "403"),
                ("^#$", "^#$", "^(events|#)$", false, "does not exist and may not be created: 403"),
            ]
        )
        func missing(
            _ configure: String,
            _ write: String,
            _ read: String,
            isDeclared: Bool,
            text: String
        ) async throws {
            let (subscription, _) = try Broker.subscription()
            try await Broker.withBus { bus in
                if isDeclared { try await bus.withDeliveries(to: subscription) { _ in } }
                let queues = "\(subscription.name)(\\..+)?"
                let rights = [configure, write, read].map { $0.replacing("#", with: queues) }
                try await Broker.withUser(configure: rights[0], write: rights[1], read: rights[2]) { configuration in
                    try await Broker.withBus(configuration) { consumer in
                        let error = await #expect(throws: BusError.self) {
                            try await consumer.withDeliveries(to: subscription) { _ in }
                        }
                        #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
                        #expect(error?.message.contains("geheim") == false)
                    }
                }
            }
            try await Broker.delete(subscription.name)
        }
    }
}
