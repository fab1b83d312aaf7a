// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusPostgres
import Measuring

/// A consumer with a store: for each delivery an inbox row, a row and an outbox row; several deliveries in one transaction.
struct Consuming {
    private static let subscription: SubscriptionName = "bench.consumer"
    /// As many as can be unsettled: all before them are.
    private static let prefetch = 1024

    private let store: PostgresStore
    private let batch: Int
    private let bus = InMemoryEventBus(capacity: 2 * Self.prefetch)

    init(_ store: PostgresStore, batch: Int) {
        self.store = store
        self.batch = batch
    }

    func measure(for seconds: Double) async throws -> Measurement {
        let accounts = self.store.repository(for: Account.self)
        let consumer = EventConsumer(
            Self.subscription,
            on: self.bus,
            store: self.store,
            batch: self.batch,
            options: ConsumerOptions(prefetch: Self.prefetch)
        ) {
            On(Samples.Registered.self) { _, transaction in
                let account = Account()
                try accounts.insert(account, in: transaction)
                try transaction.publish(AccountCreated(account))
            }
        }
        return try await withService({ try await consumer.run() }) {
            try await consumer.untilConsuming()
            _ = try await self.publish(for: 0.2)
            let start = Measurement.Start()
            return start.end(operations: try await self.publish(for: seconds))
        }
    }

    /// Returns how many events were published, when they all have been handled.
    private func publish(for seconds: Double) async throws -> Int {
        let start = Measurement.Start()
        var (published, last) = (0, [EventIdentity]())
        while start.seconds < seconds {
            let messages = try (1...64).map { try Message(Samples.Registered(number: published + $0)) }
            guard await self.bus.publish(messages).allSatisfy(\.isConfirmed) else {
                throw BenchmarkFailure("not published")
            }
            published += messages.count
            last = last.suffix(3 * Self.prefetch) + messages.map(\.identity)
        }
        for event in last {
            while try await !self.store.isHandled(event, by: Self.subscription) {
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        return published
    }
}
