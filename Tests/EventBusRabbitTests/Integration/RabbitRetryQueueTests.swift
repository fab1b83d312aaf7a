// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Synchronization
import Testing

@_spi(Verification) @testable import EventBusRabbit

extension RabbitIntegration {
    @Suite("Retry queues on RabbitMQ", .enabled(if: Broker.url != nil), .serialized, .timeLimit(.minutes(2)))
    struct RabbitRetryQueueTests {
        func message(_ topic: Topic, _ id: String, bytes: Int = 0) -> Message {
            Message(
                id: id,
                topic: topic,
                source: "/t",
                time: .init(seconds: 0),
                body: Array(repeating: 0x20, count: bytes)
            )
        }

        private func exists(_ subscription: Subscription, _ delays: [Duration]) async throws -> [Bool] {
            try await Broker.withChannel { connection, _ in
                var found: [Bool] = []
                for delay in delays {
                    found.append(try await connection.count(of: Topology.retry(subscription.name, delay)) != nil)
                }
                return found
            }
        }

        /// Takes one delivery and settles it with what `verdict` says.
        func takeOne(_ deliveries: any Deliveries, _ verdict: Verdict) async throws -> Delivery {
            let delivery = try #require(try await deliveries.next()?.first)
            deliveries.settle(delivery.id, verdict)
            return delivery
        }

        /// The ids of messages in the order of their handling.
        private final class Handled: Sendable {
            let ids = Mutex<[String]>([])
        }

        static let retry = Verdict.retry(after: .seconds(1), Failures(count: 1))

        @Test("A retry queue is created when it is first needed, and no other one is")
        func firstNeed() async throws {
            let delays = [Duration.seconds(1), .seconds(10)]
            let (subscription, topic) = try Broker.subscription(retryDelays: delays)
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    #expect(await bus.publish([self.message(topic, "m")])[0].isConfirmed)
                    #expect(try await self.exists(subscription, delays) == [false, false])
                    _ = try await self.takeOne(deliveries, Self.retry)
                    #expect(try await self.takeOne(deliveries, .done).failures.count == 1)
                    try await deliveries.flush()
                    #expect(try await self.exists(subscription, delays) == [true, false])
                }
                try await bus.remove(subscription.name)
            }
            #expect(try await self.exists(subscription, delays) == [false, false])
        }

        @Test("A queue that was just created holds nothing until it has settled, and is used at once from then on")
        func settling() async throws {
            let (subscription, topic) = try Broker.subscription()
            var configuration = try Broker.configuration()
            configuration.queueSettling = .seconds(3)
            try await Broker.withBus(configuration) { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    #expect(await bus.publish([self.message(topic, "m")])[0].isConfirmed)
                    let start = ContinuousClock.now
                    _ = try await self.takeOne(deliveries, Self.retry)
                    let again = try await self.takeOne(deliveries, Self.retry)
                    #expect(start.duration(to: .now) >= .seconds(4))
                    #expect(again.failures.count == 1 && again.returns == 0)
                    let second = ContinuousClock.now
                    _ = try await self.takeOne(deliveries, .done)
                    #expect(second.duration(to: .now) < .seconds(3))
                    try await deliveries.flush()
                }
            }
            #expect(try await Broker.count(subscription.name.description) == 0)
            try await Broker.delete(subscription.name)
        }

        @Test(
            "What waits for its retry queue when a scope ends is in the own queue at once, with its failures",
            arguments: [true, false]
        )
        func stopping(isGraceful: Bool) async throws {
            let (subscription, topic) = try Broker.subscription()
            var configuration = try Broker.configuration()
            configuration.queueSettling = .seconds(60)
            try await Broker.withBus(configuration) { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    #expect(await bus.publish([self.message(topic, "m")])[0].isConfirmed)
                    _ = try await self.takeOne(deliveries, Self.retry)
                    try await eventually(within: .seconds(10), "the queue") {
                        try await self.exists(subscription, [.seconds(1)]) == [true]
                    }
                    guard isGraceful else { return }
                    deliveries.stop()
                    try await deliveries.flush()
                    // Nothing is unsettled, so that whoever counts messages sees it.
                    try await eventually(within: .seconds(5), "the message") {
                        try await Broker.count(subscription.name.description) == 1
                    }
                }
                #expect(try await Broker.count(Topology.retry(subscription.name, .seconds(1))) == 0)
                try await bus.withDeliveries(to: subscription) { deliveries in
                    let again = try await self.takeOne(deliveries, .done)
                    #expect(again.failures.count == 1)
                    if isGraceful { #expect(again.returns == 0) }
                    try await deliveries.flush()
                }
            }
            #expect(try await Broker.count(subscription.name.description) == 0)
            try await Broker.delete(subscription.name)
        }

        @Test(
            "If no retry queue can be asked for the subscription goes on, and the message comes back with its failures",
            .enabled(if: Broker.control != nil)
        )
        func withoutConnection() async throws {
            let (subscription, topic) = try Broker.subscription(prefetch: 1)
            try await Broker.withUser(configure: ".*", write: ".*", read: ".*") { user, configuration in
                try await Broker.withBus(configuration) { bus in
                    try await bus.withDeliveries(to: subscription) { deliveries in
                        #expect(await bus.publish([self.message(topic, "a")])[0].isConfirmed)
                        try await Broker.ctl(#"set_user_limits \#(user) '{"max-connections": 0}'"#)
                        let start = ContinuousClock.now
                        _ = try await self.takeOne(deliveries, Self.retry)
                        try await eventually(within: .seconds(20), "the problem") {
                            bus.health.problems.contains {
                                $0.contains("queue \(Topology.retry(subscription.name, .seconds(1)))")
                            }
                        }
                        #expect(await bus.publish([self.message(topic, "b")])[0].isConfirmed)
                        // The message that waits takes the only place, but not for good.
                        let other = try await self.takeOne(deliveries, .done)
                        #expect(other.message.id == "b" && other.returns == 0)
                        let again = try await self.takeOne(deliveries, .done)
                        #expect(again.message.id == "a" && again.failures.count == 1 && again.returns == 0)
                        #expect(start.duration(to: .now) >= .seconds(30))
                        try await deliveries.flush()
                    }
                }
            }
            try await Broker.delete(subscription.name)
        }

        @Test("Two instances that need the same queue at the same moment both use it, and nothing is lost or doubled")
        func together() async throws {
            let (subscription, topic) = try Broker.subscription(prefetch: 10)
            let handled = Handled()
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { _ in }
                let ids = (0..<40).map { "\($0)" }
                #expect(await bus.publish(ids.map { self.message(topic, $0) }).allSatisfy(\.isConfirmed))
                try await Broker.withBus { other in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for instance in [bus, other] {
                            group.addTask {
                                try await instance.withDeliveries(to: subscription) { deliveries in
                                    while let batch = try await deliveries.next() {
                                        for delivery in batch {
                                            let isFirst = delivery.failures.count == 0
                                            deliveries.settle(delivery.id, isFirst ? Self.retry : .done)
                                            if !isFirst { handled.ids.withLock { $0.append(delivery.message.id) } }
                                        }
                                        if handled.ids.withLock({ $0.count }) >= 40 { deliveries.stop() }
                                    }
                                }
                            }
                        }
                        try await eventually(within: .seconds(20), "all to be handled") {
                            handled.ids.withLock { $0.count } >= 40
                        }
                        group.cancelAll()
                        while let result = await group.nextResult() { _ = result }
                    }
                }
                #expect(handled.ids.withLock { $0.sorted() } == ids.sorted())
            }
            try await Broker.delete(subscription.name)
        }

        @Test("A consumer that may hold no further body reads the answer for its retry queue all the same")
        func gate() async throws {
            let word = "t-\(Stamp.next().id)"
            let topic = try Topic("\(word).event")
            let subscription = try Subscription(
                SubscriptionName("\(word).main"),
                patterns: [TopicPattern("\(word).#")],
                prefetchBytes: 1
            )
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    for id in ["a", "b", "c"] {
                        #expect(await bus.publish([self.message(topic, id, bytes: 300_000)])[0].isConfirmed)
                    }
                    var done: Set<String> = []
                    while done.count < 3, let batch = try await deliveries.next() {
                        for delivery in batch {
                            let isFirst = delivery.failures.count == 0
                            deliveries.settle(delivery.id, isFirst ? Self.retry : .done)
                            if !isFirst { done.insert(delivery.message.id) }
                        }
                    }
                    try await deliveries.flush()
                }
            }
            try await Broker.delete(subscription.name)
        }

        @Test(
            "Without the right to create the queue of a delay, that of the nearest one is used, and health says so",
            .enabled(if: Broker.control != nil)
        )
        func nearest() async throws {
            let delays = [Duration.seconds(1), .seconds(10)]
            let (subscription, topic) = try Broker.subscription(retryDelays: delays)
            let queues = "\(subscription.name)(\\..+)?"
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { _ in }
                #expect(await bus.publish([self.message(topic, "m")])[0].isConfirmed)
                try await Broker.withUser(
                    configure: "^$",
                    write: "^(amq\\.default|\(queues))$",
                    read: "^(events|\(queues))$"
                ) { configuration in
                    try await Broker.withBus(configuration) { consumer in
                        try await consumer.withDeliveries(to: subscription) { deliveries in
                            _ = try await self.takeOne(deliveries, Self.retry)
                            for delay in delays {
                                let retry = Topology.retry(subscription.name, delay)
                                let text = "queue \(retry) does not exist and may not be created: 403"
                                try await eventually(within: .seconds(10), "the problem") {
                                    consumer.health.problems.contains { $0.contains(text) }
                                }
                            }
                        }
                    }
                    // It could be copied to no retry queue.
                    try await eventually(within: .seconds(5), "the message") {
                        try await Broker.count(subscription.name.description) == 1
                    }
                    try await Broker.withChannel { connection, _ in
                        try await connection.declare([.retryQueue(of: subscription.name, .seconds(10))])
                    }
                    try await Broker.withBus(configuration) { consumer in
                        try await consumer.withDeliveries(to: subscription) { deliveries in
                            #expect(try await self.takeOne(deliveries, Self.retry).failures.count == 1)
                            try await deliveries.flush()
                            // Retries are possible.
                            #expect(consumer.health.isReady && consumer.health.notes.count == 1)
                        }
                    }
                }
            }
            #expect(try await Broker.count(Topology.retry(subscription.name, .seconds(10))) == 1)
            #expect(try await Broker.count(subscription.name.description) == 0)
            try await Broker.delete(subscription.name)
        }

        @Test("A retry queue with other arguments is not used, and health names the argument")
        func otherArguments() async throws {
            let delays = [Duration.seconds(1), .seconds(10)]
            let (subscription, topic) = try Broker.subscription(retryDelays: delays)
            let queue = Topology.retry(subscription.name, .seconds(10))
            try await Broker.withChannel { connection, channel in
                let arguments: Topology.Arguments = [("x-queue-type", .string("quorum"))]
                try await connection.call(.queueDeclare(name: queue, passive: false, arguments: arguments), on: channel)
            }
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    #expect(await bus.publish([self.message(topic, "m")])[0].isConfirmed)
                    _ = try await self.takeOne(deliveries, .retry(after: .seconds(10), Failures(count: 1)))
                    _ = try await self.takeOne(deliveries, .done)
                    try await deliveries.flush()
                    let note = try #require(bus.health.notes.first)
                    #expect(note.contains("queue \(queue): 406") && note.contains("inequivalent arg"), "\(note)")
                    #expect(bus.health.isReady)
                }
                #expect(bus.health == .ready)
            }
            try await Broker.delete(subscription.name)
        }
    }
}
