// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Measuring
import Persistence
import PersistencePostgres
import Synchronization

/// The relay, from an outbox that has been filled to a bus that does nothing but confirm.
struct Relaying {
    /// How many events the relay publishes at a time unless told otherwise.
    static let batch = 256

    private let store: PostgresStore

    init(_ store: PostgresStore) { self.store = store }

    /// Until the outbox is empty: the last rows are removed after they were published.
    func measure(events: Int) async throws -> Measurement {
        try await self.relay(events) {
            while try await self.store.outbox.oldest() != nil { try await Task.sleep(for: .milliseconds(1)) }
            return events
        }
    }

    /// A number of batches, while others wait.
    func measure(batches: Int) async throws -> Measurement {
        try await self.relay(batches * Self.batch) { batches }
    }

    private func relay(
        _ events: Int,
        _ end: @escaping @Sendable () async throws -> Int
    ) async throws -> Measurement {
        let bus = ConfirmingBus(until: events)
        let relay = OutboxRelay(from: self.store, to: bus, batch: Self.batch)
        let start = Measurement.Start()
        return try await withService({ try await relay.run() }) {
            await bus.untilAll()
            return start.end(operations: try await end())
        }
    }
}

/// Confirms what it gets, and counts it to a number that one task waits for.
private final class ConfirmingBus: EventBus {
    private let expected: Int
    private let number = Atomic(0)
    private let end = AsyncStream<Void>.makeStream()

    init(until expected: Int) { self.expected = expected }

    func publish(_ messages: [Message]) async -> [PublishOutcome] {
        let confirmed = self.number.add(messages.count, ordering: .relaxed).newValue
        if confirmed >= self.expected { self.end.continuation.finish() }
        return messages.map { _ in .confirmed }
    }

    func untilAll() async {
        for await _ in self.end.stream {}
    }

    func withDeliveries(to subscription: Subscription, _ body: (any Deliveries) async throws -> Void) async throws {
        throw Self.error
    }

    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] { throw Self.error }

    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int { throw Self.error }

    private static let error = BusError(.unknownSubscription, "this bus has no subscriptions")
}
