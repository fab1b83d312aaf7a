// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import NIOCore
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    /// Behavior that the conformance suite cannot require of every backend.
    @Suite("RabbitMQ in particular", .enabled(if: Broker.url != nil), .serialized, .timeLimit(.minutes(2)))
    struct RabbitBrokerTests {
        /// Creates a subscription for one test and deletes it afterwards unless it is to be kept.
        private func withSubscription(
            _ ordering: Ordering = .none,
            isKept: Bool = false,
            _ body: (Subscription, Topic) async throws -> Void
        ) async throws {
            let word = "r-\(Stamp.next().id)"
            let subscription = try Subscription(
                SubscriptionName("\(word).main"),
                patterns: [TopicPattern("\(word).#")],
                ordering: ordering
            )
            do {
                try await body(subscription, try Topic("\(word).event"))
            } catch {
                if !isKept { try? await Broker.delete(subscription.name) }
                throw error
            }
            if !isKept { try await Broker.delete(subscription.name) }
        }

        private func message(_ topic: Topic, _ body: String = "{}") -> Message {
            Message(id: Stamp.next().id.description, topic: topic, time: Stamp.next().time, body: Array(body.utf8))
        }

        @Test("Batches of 64 from many tasks are confirmed and delivered once")
        func batches() async throws {
            try await Broker.withBus { bus in
                try await self.withSubscription { subscription, topic in
                    try await bus.withDeliveries(to: subscription) { deliveries in
                        let messages = (0..<20).map { _ in (0..<64).map { _ in self.message(topic) } }
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            for batch in messages {
                                group.addTask { #expect(await bus.publish(batch).allSatisfy(\.isConfirmed)) }
                            }
                            try await group.waitForAll()
                        }
                        var seen: [String] = []
                        while seen.count < 1280, let batch = try await deliveries.next() {
                            for delivery in batch {
                                seen.append(delivery.message.id)
                                deliveries.settle(delivery.id, .done)
                            }
                        }
                        try await deliveries.flush()
                        #expect(Set(seen) == Set(messages.joined().map(\.id)))
                        #expect(seen.count == 1280)
                    }
                    #expect(try await Broker.count(subscription.name.description) == 0)
                }
            }
        }

        @Test(
            "A body and a routing key from another program arrive, and the id stays the same through retry and dead letter"
        )
        func foreign() async throws {
            try await Broker.withBus { bus in
                try await self.withSubscription { subscription, topic in
                    try await bus.withDeliveries(to: subscription) { deliveries in
                        try await Broker.publish(ByteBuffer(string: "{}"), routingKey: "\(topic)..odd")
                        let first = try #require(try await deliveries.next()?.first)
                        #expect(first.message.id.hasPrefix("sha256-"))
                        #expect(first.message.topic.name == "\(topic)..odd")
                        deliveries.settle(first.id, .retry(after: .seconds(1), Failures(count: 1)))
                        let second = try #require(try await deliveries.next()?.first)
                        #expect(second.message == first.message)
                        #expect(second.failures.count == 1)
                        deliveries.settle(second.id, .deadLetter(reason: "odd", Failures(count: 2)))
                        try await deliveries.flush()
                    }
                    let dead = try #require(try await Broker.peek(Topology.dead(subscription.name)).first)
                    #expect(ReceivedMessage(dead).topicName == "\(topic)..odd")
                    #expect(dead.headers["x-death"] == nil)
                    #expect(dead.headers["x-dead-reason"] == .string("odd"))
                    #expect(dead.headers["x-attempt"] == .int(2))
                }
            }
        }

        @Test("Headers that nest deeply or belong to RabbitMQ do no harm")
        func nested() async throws {
            var value = HeaderValue.int(1)
            for _ in 0..<40 { value = .array([value]) }
            let headers: [(String, HeaderValue)] = [
                ("deep", value), ("x-delivery-count", .int(9)), ("x-attempt", .string("many")), ("kept", .string("v")),
            ]
            try await Broker.withBus { bus in
                try await self.withSubscription { subscription, topic in
                    try await bus.withDeliveries(to: subscription) { deliveries in
                        try await Broker.publish(ByteBuffer(string: "{}"), routingKey: topic.name, headers: headers)
                        let delivery = try #require(try await deliveries.next()?.first)
                        #expect(delivery.returns == 0)
                        #expect(delivery.failures.count == 0)
                        #expect(delivery.message.headers == ["kept": "v"])
                        deliveries.settle(delivery.id, .deadLetter(reason: "deep", Failures()))
                        try await deliveries.flush()
                    }
                    let dead = try #require(try await Broker.peek(Topology.dead(subscription.name)).first)
                    #expect(dead.headers.entries.contains { $0.name == "deep" })
                }
            }
        }

        @Test("A deleted queue ends the scope")
        func deletedQueue() async throws {
            try await Broker.withBus { bus in
                try await self.withSubscription { subscription, _ in
                    try await bus.withDeliveries(to: subscription) { deliveries in
                        async let next = deliveries.next()
                        try await Broker.delete([subscription.name.description])
                        do {
                            _ = try await next
                            Issue.record("the scope continues")
                        } catch let error as BusError {
                            #expect(error.code == .connectionLost)
                        }
                    }
                }
            }
        }

        @Test("A wrong password and an unreachable broker are reported at once")
        func unreachable() async throws {
            let url = try #require(Broker.url)
            let wrong = "amqp://guest:geheim@" + url.replacing("amqp://", with: "").split(separator: "@").last!
            for url in [wrong, "amqp://127.0.0.1:1"] {
                let bus = RabbitEventBus(try RabbitConfiguration(url: url))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        do { try await bus.run() } catch is CancellationError {}
                    }
                    let outcome = await bus.publish([self.message("some.topic")])[0]
                    guard case .notSent(let error) = outcome else {
                        Issue.record("\(outcome)")
                        return
                    }
                    #expect(error.code == .unavailable)
                    #expect(!error.message.contains("geheim"))
                    #expect(bus.health.problems.count == 1)
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
        }

        @Test("What is called before the bus runs waits, and can be cancelled")
        func early() async throws {
            let bus = RabbitEventBus(try Broker.configuration())
            let task = Task { await bus.publish([self.message("some.topic")]) }
            task.cancel()
            guard case .notSent = await task.value[0] else {
                Issue.record("not cancelled")
                return
            }
            async let outcome = bus.publish([self.message("nobody.listens")])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    do { try await bus.run() } catch is CancellationError {}
                }
                #expect(await bus.publish([self.message("nobody.listens")])[0].isUnroutable)
                group.cancelAll()
                try await group.waitForAll()
            }
            #expect(await outcome[0].isUnroutable)
            guard case .notSent(let error) = await bus.publish([self.message("some.topic")])[0] else {
                Issue.record("published after the end")
                return
            }
            #expect(error.code == .closed)
        }

        @Test(
            "During an alarm publishing fails in time, and it works again afterwards",
            .enabled(if: Broker.control != nil)
        )
        func alarm() async throws {
            let control = try #require(Broker.control)
            var configuration = try Broker.configuration()
            configuration.confirmTimeout = .seconds(2)
            try await Broker.withBus(configuration) { bus in
                let message = self.message("nobody.listens")
                #expect(await bus.publish([message])[0].isUnroutable)
                let alarm = try await Broker.shell("\(control) set_vm_memory_high_watermark 0")
                #expect(alarm == 0)
                // The broker reports the alarm only after the first message, and reads nothing after it.
                let outcomes = [await bus.publish([message])[0], await bus.publish([message])[0]]
                let status = try await Broker.shell("\(control) set_vm_memory_high_watermark 0.4")
                #expect(status == 0)
                for outcome in outcomes {
                    switch outcome {
                    case .unknown, .notSent: break
                    default: Issue.record("\(outcome)")
                    }
                }
                try await eventually(within: .seconds(20), "the bus to publish again") {
                    await bus.publish([message])[0].isUnroutable
                }
            }
        }

        @Test("Nothing is lost when all connections are cut", .enabled(if: Broker.control != nil))
        func recovery() async throws {
            let control = try #require(Broker.control)
            try await self.survive {
                let status = try await Broker.shell("\(control) close_all_connections test")
                #expect(status == 0)
            }
        }

        @Test(
            "Nothing is lost when the broker is killed and started again",
            .enabled(if: Broker.restart != nil)
        )
        func restart() async throws {
            let restart = try #require(Broker.restart)
            try await self.survive {
                let status = try await Broker.shell(restart)
                #expect(status == 0)
            }
        }

        /// Publishes before, during and after a disturbance; everything that was confirmed must arrive.
        private func survive(_ disturb: @escaping @Sendable () async throws -> Void) async throws {
            try await Broker.withBus { bus in
                // Deleting a retry queue just after a start of the broker can end the process that serves all retry queues
                // (RabbitMQ 3.10: rabbit_fifo_dlx_sup reaches its restart intensity), and then no other can be declared.
                try await self.withSubscription(isKept: true) { subscription, topic in
                    let handled = Handled()
                    try await bus.withDeliveries(to: subscription) { _ in }
                    // RabbitMQ 3.10 can lose a queue that was declared just before a kill.
                    if Broker.restart != nil { try await Task.sleep(for: .seconds(5)) }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await handled.consume(subscription, from: bus) }
                        var confirmed: Set<String> = []
                        func publish() async {
                            let messages = (0..<50).map { _ in self.message(topic) }
                            for (message, outcome) in zip(messages, await bus.publish(messages))
                            where outcome.isConfirmed {
                                confirmed.insert(message.id)
                            }
                        }
                        await publish()
                        async let disturbance: Void = disturb()
                        for _ in 0..<20 { await publish() }
                        try await disturbance
                        try await eventually(within: .seconds(60), "the bus to publish again") {
                            let before = confirmed.count
                            await publish()
                            return confirmed.count == before + 50
                        }
                        try await eventually(within: .seconds(60), "all confirmed messages") {
                            confirmed.isSubset(of: handled.ids)
                        }
                        group.cancelAll()
                    }
                }
            }
        }
    }
}

extension PublishOutcome {
    fileprivate var isUnroutable: Bool {
        if case .unroutable = self { true } else { false }
    }
}
