// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import NIOCore
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    @Suite("Dead letters on RabbitMQ", .enabled(if: Broker.url != nil), .serialized, .timeLimit(.minutes(2)))
    struct RabbitDeadLetterTests {
        /// Creates a subscription with this many dead letters, whose bodies are their numbers from 1, and deletes it afterwards.
        private func withDeadLetters(
            _ count: Int,
            _ body: (RabbitEventBus, Subscription) async throws -> Void
        ) async throws {
            let word = "d-\(Stamp.next().id)"
            let subscription = try Subscription(SubscriptionName("\(word).main"), patterns: [TopicPattern("\(word).#")])
            try await Broker.withBus { bus in
                do {
                    try await bus.withDeliveries(to: subscription) { _ in }
                    for number in 1...count {
                        let headers: [(String, HeaderValue)] = [
                            ("x-topic", .string("\(word).event")), ("x-dead-reason", .string("reason \(number)")),
                            ("x-foreign", .int(Int64(number))),
                        ]
                        try await Broker.publish(
                            ByteBuffer(string: "\(number)"),
                            routingKey: Topology.dead(subscription.name),
                            exchange: "",
                            headers: headers
                        )
                    }
                    // The messages are published without confirms.
                    try await eventually(within: .seconds(10), "all dead letters") {
                        try await Broker.count(Topology.dead(subscription.name)) == count
                    }
                    try await body(bus, subscription)
                } catch {
                    try? await Broker.delete(subscription.name)
                    throw error
                }
            }
            try await Broker.delete(subscription.name)
        }

        private func text(_ message: Message) -> String { String(decoding: message.body, as: UTF8.self) }

        @Test("Reading again and again without a pause finds everything in order")
        func readings() async throws {
            try await self.withDeadLetters(20) { _, subscription in
                try await Broker.withChannel { connection, _ in
                    for round in 1...100 {
                        let queue = try await DeadLetterQueue(of: subscription.name, on: connection)
                        var seen: [String] = []
                        // Sometimes all of them, sometimes only some.
                        for message in try await queue.oldest([20, 7, 1, 15][round % 4]) {
                            seen.append(String(buffer: message.incoming.body))
                        }
                        try await queue.close()
                        #expect(seen == (1...seen.count).map { "\($0)" })
                        #expect(seen.count == [20, 7, 1, 15][round % 4])
                    }
                }
            }
        }

        @Test(
            "Dead letters from another program are listed and redriven with their headers, and their ids stay the same"
        )
        func foreign() async throws {
            try await self.withDeadLetters(2) { bus, subscription in
                let letters = try await bus.deadLetters(of: subscription.name)
                #expect(letters.map(\.reason) == ["reason 1", "reason 2"])
                #expect(letters.allSatisfy { $0.message.id.hasPrefix("sha256-") })
                #expect(try await bus.redrive(subscription.name) == 2)
                try await bus.withDeliveries(to: subscription) { deliveries in
                    var seen: [Message] = []
                    while seen.count < 2, let batch = try await deliveries.next() {
                        seen += batch.map(\.message)
                        for delivery in batch { deliveries.settle(delivery.id, .done) }
                    }
                    #expect(seen == letters.map(\.message))
                    #expect(seen.map { $0.headers["x-foreign"] } == [.int(1), .int(2)])
                    try await deliveries.flush()
                }
            }
        }

        @Test("Of hundreds the wanted ones are redriven and the others stay in order, however they are mixed")
        func many() async throws {
            try await self.withDeadLetters(200) { bus, subscription in
                let name = subscription.name
                let isKept: @Sendable (Int) -> Bool = { $0.isMultiple(of: 3) }
                let count = try await bus.redrive(name, limit: 1000) { letter in
                    !isKept(Int(String(decoding: letter.message.body, as: UTF8.self)) ?? 0)
                }
                let kept = (1...200).filter(isKept).map { "\($0)" }
                #expect(count == 200 - kept.count)
                #expect(try await bus.deadLetters(of: name, limit: 1000).map { self.text($0.message) } == kept)
                let queued = try await Broker.peek(name.description).map { String(buffer: $0.body) }
                #expect(queued == (1...200).filter { !isKept($0) }.map { "\($0)" })
            }
        }

        @Test("When the subscription's own queue is gone nothing is redriven and nothing is lost")
        func goneQueue() async throws {
            try await self.withDeadLetters(3) { bus, subscription in
                try await Broker.delete([subscription.name.description])
                let error = await #expect(throws: BusError.self) { try await bus.redrive(subscription.name) }
                #expect(error?.code == .unknownSubscription)
                let letters = try await bus.deadLetters(of: subscription.name)
                #expect(letters.map { self.text($0.message) } == ["1", "2", "3"])
            }
        }
    }
}
