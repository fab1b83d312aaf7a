// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import NIOCore
import Synchronization
import TestProxy
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    @Suite("Sharded subscriptions on RabbitMQ", .enabled(if: Broker.url != nil), .serialized, .timeLimit(.minutes(2)))
    final class RabbitShardTests: Sendable {
        /// What the handlers of all instances have done.
        private final class Journal: Sendable {
            private let lines = Mutex<[(instance: String, key: String, number: Int)]>([])

            func note(_ instance: String, _ message: Message) {
                self.lines.withLock { $0.append((instance, message.orderingKey ?? "", Int(message.id) ?? 0)) }
            }

            var count: Int { Set(self.lines.withLock { $0.map(\.number) }).count }

            func instances(ofLast count: Int) -> Set<String> {
                Set(self.lines.withLock { $0.suffix(count).map(\.instance) })
            }

            /// The first handling of each event of a key has to come in the order of publishing.
            var inversions: Int {
                self.lines.withLock { lines in
                    var (known, last): (Set<Int>, [String: Int]) = ([], [:])
                    return lines.count { line in
                        guard known.insert(line.number).inserted else { return false }
                        defer { last[line.key] = line.number }
                        return line.number < last[line.key] ?? 0
                    }
                }
            }
        }

        private func messages(_ numbers: ClosedRange<Int>, _ topic: Topic) -> [Message] {
            numbers.map { number in
                Message(
                    id: "\(number)",
                    topic: topic,
                    source: "/s",
                    time: .init(seconds: 0),
                    orderingKey: "key-\(number % 20)",
                    body: []
                )
            }
        }

        private func consume(_ subscription: Subscription, _ bus: RabbitEventBus, as name: String, _ journal: Journal)
            async throws
        {
            try await bus.withDeliveries(to: subscription) { deliveries in
                while let batch = try await deliveries.next() {
                    for delivery in batch { journal.note(name, delivery.message) }
                    for delivery in batch { deliveries.settle(delivery.id, .done) }
                }
            }
        }

        @Test(
            "Renewing changes the number of shards, with messages in them and in their order",
            arguments: [(2, 5), (5, 2), (1, 3), (3, 1)]
        )
        func renewed(_ old: Int, _ new: Int) async throws {
            let (existing, topic) = try Broker.subscription(.perKey, shards: old, retryDelays: [])
            let wanted = try Subscription(
                existing.name,
                patterns: existing.patterns,
                ordering: .perKey,
                shards: new,
                retryDelays: []
            )
            let journal = Journal()
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: existing) { deliveries in
                    let outcomes = await bus.publish(self.messages(1...200, topic))
                    #expect(outcomes.allSatisfy { $0.isConfirmed })
                    await #expect(throws: BusError.self) { try await bus.renewQueues(of: wanted) }
                    let first = try #require(try await deliveries.next()?.first)
                    deliveries.settle(first.id, .deadLetter(reason: "no", Failures(count: 1)))
                    try await deliveries.flush()
                }
                await #expect(throws: BusError.self) { try await bus.withDeliveries(to: wanted) { _ in } }
                #expect(try await bus.renewQueues(of: wanted) == 200)
                #expect(await bus.publish(self.messages(201...240, topic)).allSatisfy { $0.isConfirmed })
                #expect(try await bus.deadLetters(of: wanted.name).map(\.reason) == ["no"])
                try await bus.withDeliveries(to: wanted) { deliveries in
                    while journal.count < 239, let batch = try await deliveries.next() {
                        for delivery in batch {
                            journal.note("a", delivery.message)
                            deliveries.settle(delivery.id, .done)
                        }
                    }
                    try await deliveries.flush()
                }
                #expect(journal.inversions == 0)
                let shards = try await bus.withConnection("test") { try await $0.shards(of: wanted.name) }
                #expect(shards.count == (new == 1 ? 0 : new))
            }
            try await Broker.delete(wanted.name)
        }

        @Test(
            "Shards are spread over the instances that come, and those of one that is cut off move on",
            .enabled(if: Broker.control != nil)
        )
        func spreading() async throws {
            let (subscription, topic) = try Broker.subscription(.perKey, shards: 6, retryDelays: [])
            let journal = Journal()
            try await Broker.withProxiedBus { proxied, proxy in
                try await Broker.withBus { bus in
                    try await bus.withDeliveries(to: subscription) { _ in }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for (name, others) in [("a", ["a"]), ("b", ["a", "b"]), ("c", ["a", "b", "c"])] {
                            group.addTask {
                                // What is cut off ends with an error.
                                let own = name == "a" ? proxied : bus
                                try? await self.consume(subscription, own, as: name, journal)
                            }
                            try await self.publish(to: topic, on: bus) { journal.instances(ofLast: 300) == Set(others) }
                        }
                        proxy.strike(.reset)
                        try await self.publish(to: topic, on: bus) { journal.instances(ofLast: 300) == ["b", "c"] }
                        let total = self.published.withLock { $0 }
                        try await eventually(within: .seconds(30), "all events") { journal.count == total }
                        group.cancelAll()
                    }
                }
            }
            #expect(journal.inversions == 0)
            try await Broker.delete(subscription.name)
        }

        private let published = Mutex(0)

        /// Publishes until the right instances work.
        private func publish(to topic: Topic, on bus: RabbitEventBus, until isDone: () -> Bool) async throws {
            try await eventually(within: .seconds(30), "all instances to work") {
                let end = self.published.withLock { published in
                    published += 100
                    return published
                }
                #expect(await bus.publish(self.messages((end - 99)...end, topic)).allSatisfy { $0.isConfirmed })
                return isDone()
            }
        }

        /// The shard of each key, from which all messages are taken; the key of those without one is empty.
        private func places(in subscription: Subscription) async throws -> [String: Int] {
            var places: [String: Int] = [:]
            for number in 0..<subscription.shards {
                for message in try await Broker.taken(subscription.shard(number).name.description) {
                    let key = ReceivedMessage(message).orderingKey ?? ""
                    #expect(places[key] == nil || places[key] == number, "\(key) is in two shards")
                    places[key] = number
                }
            }
            return places
        }

        @Test(
            "The shard of a key follows from its bytes, also when its queue was deleted; without a bucket it is the first"
        )
        func places() async throws {
            let (subscription, topic) = try Broker.subscription(.perKey, shards: 12, retryDelays: [])
            let expected = Dictionary(
                uniqueKeysWithValues: (0..<20).map { ("key-\($0)", OrderingBucket.of("key-\($0)") % 12) }
            )
            try await Broker.withBus { bus in
                for _ in 0..<2 {
                    try await bus.withDeliveries(to: subscription) { _ in }
                    #expect(await bus.publish(self.messages(1...60, topic)).allSatisfy { $0.isConfirmed })
                    #expect(try await self.places(in: subscription) == expected)
                    try await Broker.delete([subscription.shard(2).name.description])
                }
                try await bus.withDeliveries(to: subscription) { _ in }
            }
            for headers in [[], [("x-ordering-key", .string("key-1"))]] as [[(String, HeaderValue)]] {
                try await Broker.publish(
                    ByteBuffer(),
                    routingKey: topic.name,
                    exchange: Topology.exchange,
                    headers: headers
                )
            }
            #expect(try await self.places(in: subscription) == ["": 0, "key-1": 0])
            try await Broker.delete(subscription.name)
        }

        /// Waits until a queue exists and has a consumer.
        private func untilConsumed(_ queue: String) async throws {
            try await eventually(within: .seconds(20), "a consumer of \(queue)") {
                try await Broker.withChannel { connection, _ in try await connection.count(of: queue)?.consumers == 1 }
            }
        }

        @Test("After the broker was killed the keys are in the same shards", .enabled(if: Broker.restart != nil))
        func restarted() async throws {
            let (subscription, topic) = try Broker.subscription(.perKey, shards: 12, retryDelays: [])
            var shards: [[String: Int]] = []
            for _ in 0..<2 {
                try await Broker.withBus { bus in
                    try await bus.withDeliveries(to: subscription) { _ in }
                    #expect(await bus.publish(self.messages(1...60, topic)).allSatisfy { $0.isConfirmed })
                    let places = try await self.places(in: subscription)
                    #expect(places.count == 20)
                    shards.append(places)
                }
                if shards.count == 1 { #expect(try await Broker.shell(try #require(Broker.restart)) == 0) }
            }
            #expect(shards[0] == shards[1])
            try await Broker.delete(subscription.name)
        }

        @Test(
            "When the queue of the instances is deleted, the subscription is opened again; when it is that of a shard, the shard is"
        )
        func deleted() async throws {
            let (subscription, topic) = try Broker.subscription(.perKey, shards: 2, retryDelays: [])
            try await Broker.withBus { bus in
                let error = await #expect(throws: BusError.self) {
                    try await bus.withDeliveries(to: subscription) { deliveries in
                        try await Broker.delete([subscription.name.description])
                        _ = try await deliveries.next()
                    }
                }
                #expect(error?.code == .connectionLost)
                try await bus.withDeliveries(to: subscription) { deliveries in
                    let shard = subscription.shard(1).name.description
                    try await self.untilConsumed(shard)
                    try await Broker.delete([shard])
                    try await self.untilConsumed(shard)
                    #expect(await bus.publish(self.messages(1...40, topic)).allSatisfy { $0.isConfirmed })
                    var count = 0
                    while count < 40, let batch = try await deliveries.next() {
                        for delivery in batch { deliveries.settle(delivery.id, .done) }
                        count += batch.count
                    }
                    try await deliveries.flush()
                }
            }
            try await Broker.delete(subscription.name)
        }
    }
}

extension Broker {
    /// Takes all messages out of a queue with a single active consumer.
    fileprivate static func taken(_ queue: String) async throws -> [IncomingMessage] {
        try await Broker.withChannel { connection, channel in
            let session = try await connection.onLoop { _ in
                NIOLoopBound(MoveSession(channel.value, connection.eventLoop), eventLoop: connection.eventLoop)
            }
            try await connection.call(.basicConsume(queue: queue, consumerTag: "taken"), on: channel)
            var all: [IncomingMessage] = []
            while true {
                let some = try await connection.eventLoop.flatSubmit {
                    session.value.next(within: .milliseconds(300))
                }.get()
                if some.isEmpty { break }
                all += some
                try await connection.onLoop { handler in
                    for message in some {
                        handler.send(.basicAck(tag: message.tag, multiple: false), on: channel.value.number)
                    }
                    handler.flush()
                }
            }
            try await connection.call(.channelClose, on: channel)
            return all
        }
    }
}
