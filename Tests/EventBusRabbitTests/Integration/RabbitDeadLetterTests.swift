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
                        let limit = [20, 7, 1, 15][round % 4]
                        try await queue.open(count: try await queue.count(), limit: limit)
                        for message in try await queue.next(limit) {
                            seen.append(String(buffer: message.incoming.body))
                        }
                        try await queue.close()
                        #expect(seen == (1...seen.count).map { "\($0)" })
                        #expect(seen.count == limit)
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

        @Test("In many short passes all are found once and what is kept stays in order", arguments: [true, false])
        func passes(isCutByBytes: Bool) async throws {
            try await self.withDeadLetters(60) { bus, subscription in
                let pass =
                    isCutByBytes ? DeadLetterPass(maximumBytes: 4) : DeadLetterPass(maximumBytes: .max, duration: .zero)
                var seen: [String] = []
                func isKept(_ text: String) -> Bool { Int(text)?.isMultiple(of: 4) == true }
                let counts = try await bus.settleDeadLetters(of: subscription.name, 100, 7, within: pass) { letters in
                    let texts = letters.map { self.text($0.message) }
                    seen += texts
                    return texts.map { isKept($0) ? .keep : .redrive }
                }
                #expect(seen == (1...60).map { "\($0)" })
                #expect((counts.kept, counts.redriven) == (15, 45))
                let left = try await bus.deadLetters(of: subscription.name).map { self.text($0.message) }
                #expect(left == (1...60).map { "\($0)" }.filter(isKept))
                let queued = try await Broker.peek(subscription.name.description).map { String(buffer: $0.body) }
                #expect(queued == (1...60).map { "\($0)" }.filter { !isKept($0) })
            }
        }

        @Test("A redrive that is cancelled and repeated delivers every dead letter, few of them twice")
        func cancelled() async throws {
            try await self.withDeadLetters(300) { bus, subscription in
                let name = subscription.name
                let task = Task {
                    var batches = 0
                    return try await bus.settleDeadLetters(of: name, limit: 1000, batch: 20) { letters in
                        batches += 1
                        if batches == 5 { withUnsafeCurrentTask { $0?.cancel() } }
                        return letters.map { _ in .redrive }
                    }
                }
                await #expect(throws: CancellationError.self) { try await task.value }
                try await eventually(within: .seconds(10), "what was not redriven is back") {
                    (200...220).contains(try await Broker.count(Topology.dead(name)))
                }
                let again = try await bus.settleDeadLetters(of: name, limit: 1000, batch: 20) {
                    $0.map { _ in .redrive }
                }
                #expect((200...220).contains(again.redriven))
                #expect(try await Broker.count(Topology.dead(name)) == 0)
                let queued = try await Broker.peek(name.description).compactMap { Int(String(buffer: $0.body)) }
                #expect(Set(queued) == Set(1...300))
                #expect(queued.count <= 320)
            }
        }

        @Test("After a run that was cancelled the next one finds everything at once, in order", arguments: 1...10)
        func cancelledAndRepeated(_ round: Int) async throws {
            try await self.withDeadLetters(50) { bus, subscription in
                let task = Task {
                    try await bus.settleDeadLetters(of: subscription.name, limit: 1000, batch: 1 + round % 7) {
                        letters in
                        withUnsafeCurrentTask { $0?.cancel() }
                        try Task.checkCancellation()
                        return letters.map { _ in .keep }
                    }
                }
                await #expect(throws: CancellationError.self) { try await task.value }
                let letters = try await bus.deadLetters(of: subscription.name)
                #expect(letters.map { self.text($0.message) } == (1...50).map { "\($0)" })
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
