// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import NIOCore
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    @Suite("Queues and bindings on RabbitMQ", .enabled(if: Broker.url != nil), .serialized, .timeLimit(.minutes(2)))
    struct RabbitTopologyTests {
        private func message(_ topic: Topic, _ id: String = Stamp.next().id.description) -> Message {
            Message(id: id, topic: topic, source: "/t", time: .init(seconds: 0), body: [])
        }

        /// Takes one delivery and settles it.
        private func handleOne(of subscription: Subscription, on bus: RabbitEventBus) async throws -> Delivery {
            var taken: Delivery?
            try await bus.withDeliveries(to: subscription) { deliveries in
                let delivery = try #require(try await deliveries.next()?.first)
                deliveries.settle(delivery.id, .done)
                try await deliveries.flush()
                taken = delivery
            }
            return try #require(taken)
        }

        // MARK: What the broker drops by itself

        @Test(
            "What the broker drops at an operator's limit of 3 returns is a dead letter, with the reason and the topic",
            .enabled(if: Broker.control != nil),
            arguments: [Ordering.none, .perKey]
        )
        func deliveryLimit(_ ordering: Ordering) async throws {
            let (subscription, topic) = try Broker.subscription(ordering)
            let name = subscription.name.description
            try await Broker.rabbitmqctl(
                "set_policy \(name) '^\(name)(.quarantine)?$' '{\"delivery-limit\": 3}' --apply-to queues"
            )
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { _ in }
                // A policy reaches a queue a moment after it was declared.
                try await Task.sleep(for: .seconds(1))
                #expect(await bus.publish([self.message(topic, "m")])[0].isConfirmed)
                var starts = 0
                try await eventually(within: .seconds(60), "the dead letter") {
                    try await bus.withDeliveries(to: subscription) { deliveries in
                        let isGone = Task {
                            while try await bus.deadLetters(of: subscription.name).isEmpty {
                                try await Task.sleep(for: .milliseconds(100))
                            }
                            deliveries.stop()
                        }
                        if try await deliveries.next() != nil { starts += 1 }
                        isGone.cancel()
                    }
                    return try await !bus.deadLetters(of: subscription.name).isEmpty
                }
                let letters = try await bus.deadLetters(of: subscription.name)
                let letter = try #require(letters.first)
                #expect(letter.message == self.message(topic, "m"))
                #expect(letter.reason.hasPrefix("RabbitMQ: delivery limit reached (queue \(name)"), "\(letter.reason)")
                #expect(letter.deadAt > .init(seconds: 1))
                // Two in the subscription's own queue before it is quarantined, where the broker counts anew.
                report(fault: "36", lost: 1 - letters.count, starts: (starts, ordering == .perKey ? 4 : 6), seconds: 0)
                #expect(try await bus.redrive(subscription.name) == 1)
                let again = try await self.handleOne(of: subscription, on: bus)
                #expect(again.message == letter.message)
                #expect(again.redrives == 1)
            }
            try await Broker.rabbitmqctl("clear_policy \(name)")
            try await Broker.delete(subscription.name)
        }

        @Test("What expires because of an operator's policy is a dead letter", .enabled(if: Broker.control != nil))
        func expired() async throws {
            let (subscription, topic) = try Broker.subscription()
            let name = subscription.name.description
            try await Broker.rabbitmqctl("set_policy \(name) '^\(name)$' '{\"message-ttl\": 100}' --apply-to queues")
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { _ in }
                let message = self.message(topic)
                #expect(await bus.publish([message])[0].isConfirmed)
                try await eventually(within: .seconds(20), "the dead letter") {
                    // A queue without consumers may notice only when something happens to it.
                    _ = await bus.publish([self.message(topic)])
                    return try await !bus.deadLetters(of: subscription.name).isEmpty
                }
                let letter = try #require(try await bus.deadLetters(of: subscription.name).first)
                #expect(letter.reason == "RabbitMQ: message expired (queue \(name), once)")
                #expect(letter.message == message)
            }
            try await Broker.rabbitmqctl("clear_policy \(name)")
            try await Broker.delete(subscription.name)
        }

        // MARK: Differences

        @Test("The error names queue, argument and both values, and what to do")
        func mismatch() async throws {
            let (subscription, _) = try Broker.subscription()
            let dead = Topology.dead(subscription.name)
            try await Broker.withChannel { connection, channel in
                let arguments: Topology.Arguments = [
                    ("x-queue-type", .string("quorum")), ("x-delivery-limit", .int(5)),
                ]
                try await connection.call(.queueDeclare(name: dead, passive: false, arguments: arguments), on: channel)
            }
            try await Broker.withBus { bus in
                let error = await #expect(throws: BusError.self) {
                    try await bus.withDeliveries(to: subscription) { _ in }
                }
                #expect(error?.code == .topologyMismatch)
                let text = try #require(error?.message)
                for part in ["queue \(dead):", "x-delivery-limit", "'5'", "'1000000'", "renewQueues(of:)"] {
                    #expect(text.contains(part), "\(text)")
                }
            }
            try await Broker.delete(subscription.name)
        }

        /// The queues of a subscription as version 0.1 declared them.
        private func declareFormerQueues(of subscription: Subscription) async throws {
            let name = subscription.name.description
            try await Broker.withChannel { connection, channel in
                try await connection.declare([.exchange])
                let quorum: Topology.Arguments = [("x-queue-type", .string("quorum"))]
                var queues: [(String, Topology.Arguments)] = [("\(name).quarantine", quorum), ("\(name).dead", quorum)]
                let single: Topology.Arguments = [("x-single-active-consumer", .bool(true))]
                queues.append((name, subscription.ordering == .perKey ? quorum + single : quorum))
                for seconds in [1, 5, 30, 120, 600, 3600, 21600, 86400] {
                    let arguments: Topology.Arguments = [
                        ("x-message-ttl", .int(Int64(seconds) * 1000)), ("x-dead-letter-exchange", .string("")),
                        ("x-dead-letter-routing-key", .string(name)),
                        ("x-dead-letter-strategy", .string("at-least-once")), ("x-overflow", .string("reject-publish")),
                    ]
                    queues.append(("\(name).retry.\(seconds)", quorum + arguments))
                }
                for (queue, arguments) in queues {
                    let declare = ClientMethod.queueDeclare(name: queue, passive: false, arguments: arguments)
                    try await connection.call(declare, on: channel)
                }
                for binding in Declaration.bindings(of: subscription) { try await connection.declare([binding]) }
            }
        }

        @Test("Queues of version 0.1 are made anew and lose nothing", arguments: [Ordering.none, .perKey])
        func renewed(_ ordering: Ordering) async throws {
            let (subscription, topic) = try Broker.subscription(ordering)
            let name = subscription.name
            try await self.declareFormerQueues(of: subscription)
            try await Broker.withBus { bus in
                let messages = (1...100).map { self.message(topic, "\($0)") }
                #expect(await bus.publish(messages).allSatisfy(\.isConfirmed))
                let notes: [(String, HeaderValue)] = [("x-topic", .string(topic.name)), ("x-attempt", .int(2))]
                let retry = "\(name).retry.30"
                try await Broker.publish(ByteBuffer(string: "r"), routingKey: retry, exchange: "", headers: notes)
                try await Broker.publish(
                    ByteBuffer(string: "d"),
                    routingKey: Topology.dead(name),
                    exchange: "",
                    headers: notes + [("x-dead-reason", .string("why"))]
                )
                let error = await #expect(throws: BusError.self) {
                    try await bus.withDeliveries(to: subscription) { _ in }
                }
                #expect(error?.code == .topologyMismatch)
                // Ordered subscriptions are renewed while nothing is published.
                let isPublishing = ordering == .none
                async let published: Set<String> = {
                    var confirmed: Set<String> = []
                    for number in 101...300 where isPublishing {
                        let message = self.message(topic, "\(number)")
                        if await bus.publish([message])[0].isConfirmed { confirmed.insert(message.id) }
                    }
                    return confirmed
                }()
                #expect(try await bus.renewQueues(of: subscription) >= 102)
                let expected = await Set((1...100).map { "\($0)" }).union(published)
                #expect(!isPublishing || expected.count == 300, "there was always a queue for them")
                var seen: [String] = []
                var retried = 0
                try await bus.withDeliveries(to: subscription) { deliveries in
                    while !expected.isSubset(of: seen) || retried < 1, let batch = try await deliveries.next() {
                        for delivery in batch {
                            deliveries.settle(delivery.id, .done)
                            if delivery.failures.count == 2 { retried += 1 } else { seen.append(delivery.message.id) }
                        }
                    }
                    try await deliveries.flush()
                }
                if ordering == .perKey { #expect(seen == (1...100).map { "\($0)" }) }
                report(fault: "17", lost: expected.subtracting(seen).count, seconds: 0)
                #expect(try await bus.deadLetters(of: name).map(\.reason) == ["why"])
                try await bus.withConnection("test") { connection in
                    for queue in ["\(name).retry.5", "\(name).renewal", "\(name).renewal.dead"] {
                        let count = try await connection.count(of: queue)
                        #expect(count == nil)
                    }
                }
                // Again, as after an interruption.
                #expect(try await bus.renewQueues(of: subscription) == 1)
                #expect(try await bus.deadLetters(of: name).map(\.reason) == ["why"])
            }
            try await Broker.delete(name)
        }

        @Test("Queues are not made anew while they are consumed, and nothing has changed")
        func renewedInUse() async throws {
            let (subscription, topic) = try Broker.subscription()
            try await Broker.withBus { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    let error = await #expect(throws: BusError.self) { try await bus.renewQueues(of: subscription) }
                    #expect(error?.code == .subscriptionInUse)
                    #expect(await bus.publish([self.message(topic)])[0].isConfirmed)
                    let delivery = try #require(try await deliveries.next()?.first)
                    deliveries.settle(delivery.id, .done)
                    try await deliveries.flush()
                }
            }
            try await Broker.delete(subscription.name)
        }

        // MARK: Repair

        @Test("An open consumer makes a deleted exchange and deleted bindings again")
        func repaired() async throws {
            let (subscription, topic) = try Broker.subscription()
            var configuration = try Broker.configuration()
            configuration.repairInterval = 0.2...0.3
            try await Broker.withBus(configuration) { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    for round in 1...2 {
                        let start = ContinuousClock.now
                        if round == 1 {
                            try await Broker.deleteExchange()
                        } else {
                            try await bus.unbind(subscription.patterns, from: subscription.name)
                        }
                        let message = self.message(topic, "\(round)")
                        try await eventually(within: .seconds(20), "the event to be routed again") {
                            await bus.publish([message])[0].isConfirmed
                        }
                        let delivery = try #require(try await deliveries.next()?.first)
                        #expect(delivery.message == message)
                        let seconds = start.duration(to: .now) / .seconds(1)
                        report(fault: "14", lost: 0, starts: (1 + delivery.returns, 1), seconds: seconds)
                        deliveries.settle(delivery.id, .done)
                        try await deliveries.flush()
                    }
                }
            }
            try await Broker.delete(subscription.name)
        }

        @Test(
            "A missing exchange that may not be created is a problem until somebody creates it",
            .enabled(if: Broker.control != nil)
        )
        func unrepaired() async throws {
            let (subscription, _) = try Broker.subscription()
            let declare = ClientMethod.exchangeDeclare(name: Topology.exchange, type: "topic")
            func create() async throws {
                try await Broker.withChannel { connection, channel in
                    _ = try await connection.call(declare, on: channel)
                }
            }
            try await create()
            try await Broker.withUser(configure: "^\(subscription.name)", write: ".*", read: ".*") { _, configuration in
                var configuration = configuration
                configuration.repairInterval = 0.2...0.3
                try await Broker.withBus(configuration) { bus in
                    try await bus.withDeliveries(to: subscription) { _ in
                        #expect(bus.health.isReady)
                        try await Broker.deleteExchange()
                        try await eventually(within: .seconds(20), "the problem") {
                            bus.health.problems.contains {
                                $0.contains("\(subscription.name): for ") && $0.contains("may not be created")
                            }
                        }
                        try await create()
                        try await eventually(within: .seconds(20), "the exchange to be repaired") { bus.health.isReady }
                    }
                }
            }
            try await Broker.delete(subscription.name)
        }
    }
}
