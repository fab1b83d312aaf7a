// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Measuring
import Synchronization

/// Raw messages: published, taken by subscribers side by side, handled, settled.
struct Raw {
    let batch: Int
    let subscriptions: Int
    private let bus = InMemoryEventBus(capacity: 4096)
    private static let published: Topic = "bench.published"

    init(batch: Int, subscriptions: Int) {
        self.batch = batch
        self.subscriptions = subscriptions
    }

    /// Publishes for a while, and ends when the last message is settled everywhere.
    func measure(for seconds: Double) async throws -> Measurement {
        try await withThrowingTaskGroup(of: Int.self) { group in
            let (opened, open) = AsyncStream<Void>.makeStream()
            for number in 0..<self.subscriptions {
                group.addTask { try await self.consume(SubscriptionName("bench.\(number)")) { open.yield() } }
            }
            var iterator = opened.makeAsyncIterator()
            for _ in 0..<self.subscriptions { await iterator.next() }
            let start = Measurement.Start()
            let published = try await self.publish(for: seconds)
            for try await handled in group where handled != published {
                throw BenchmarkFailure("\(handled) of \(published) messages were handled")
            }
            return start.end(operations: published * self.subscriptions)
        }
    }

    private func publish(for seconds: Double) async throws -> Int {
        let messages = (0..<self.batch).map { _ in Samples.message(to: Self.published) }
        let start = Measurement.Start()
        var published = 0
        while start.seconds < seconds {
            // The clock is looked at now and then only.
            for _ in 0..<max(1, 1024 / self.batch) {
                try await self.publish(messages)
                published += self.batch
            }
        }
        try await self.publish([Samples.message(to: Self.published, body: [])])
        return published
    }

    private func publish(_ messages: [Message]) async throws {
        let outcomes = await self.bus.publish(messages)
        guard outcomes.allSatisfy(\.isConfirmed) else { throw BenchmarkFailure("not published: \(outcomes)") }
    }

    /// Returns how many messages were handled before the last one.
    private func consume(_ name: SubscriptionName, isOpen: @escaping @Sendable () -> Void) async throws -> Int {
        let handler = Handler()
        let subscription = try Subscription(name, patterns: ["bench.*"], prefetch: 512)
        try await self.bus.withDeliveries(to: subscription) { deliveries in
            isOpen()
            while !handler.isDone, let batch = try await deliveries.next() {
                for delivery in batch {
                    await handler.handle(delivery.message)
                    deliveries.settle(delivery.id, .done)
                }
            }
        }
        return handler.count
    }
}

/// Counts messages up to the last one, which has no body.
private final class Handler: Sendable {
    private let handled = Atomic(0)
    private let last = Atomic(false)

    var count: Int { self.handled.load(ordering: .relaxed) }
    var isDone: Bool { self.last.load(ordering: .relaxed) }

    func handle(_ message: Message) async {
        if message.body.isEmpty {
            self.last.store(true, ordering: .relaxed)
        } else {
            self.handled.add(1, ordering: .relaxed)
        }
    }
}
