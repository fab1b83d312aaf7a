// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusPostgres
import Measuring
import Synchronization

/// The relay, from an outbox that has been filled to a bus that does nothing but confirm.
struct Relaying {
    /// How many events the relay publishes at a time by default.
    static let batch = 256
    /// Batches before the clock starts: from the sixth execution on, Postgres may keep a statement's plan.
    private static let warmUp = 8

    /// How many rows there have to be for a number of batches.
    static func rows(_ batches: Int) -> Int { (Self.warmUp + batches) * Self.batch }

    private let store: PostgresStore

    init(_ store: PostgresStore) { self.store = store }

    /// Until the outbox is empty: the last rows are removed after they were published.
    func measure(events: Int) async throws -> Measurement {
        try await self.relay(ConfirmingBus(from: 0, until: events)) {
            while try await self.store.outbox.oldest() != nil { try await Task.sleep(for: .milliseconds(1)) }
            return events
        }
    }

    /// A number of batches, while others wait; those before them, with which statements are planned, don't count.
    func measure(batches: Int) async throws -> Measurement {
        let from = Self.warmUp * Self.batch
        return try await self.relay(ConfirmingBus(from: from, until: from + batches * Self.batch)) { batches }
    }

    /// Like `measure(events:)`, after as many others have been relayed and are dead rows, which an open transaction keeps.
    func measure(events: Int, behindDead dead: Int) async throws -> Measurement {
        let measurement = Mutex<Measurement?>(nil)
        try await LongTransaction.open(in: self.store) {
            if dead > 0 { _ = try await self.measure(events: dead) }
            for _ in 0..<(events + 499) / 500 {
                try await self.store.transaction { transaction in
                    for number in 0..<500 { try transaction.publish(Relayed(key: "\(number)")) }
                }
            }
            let result = try await self.measure(events: events)
            measurement.withLock { $0 = result }
        }
        guard let result = measurement.withLock({ $0 }) else { throw BenchmarkFailure("nothing was measured") }
        return result
    }

    /// What is relayed in some seconds while others commit, once an open transaction has lasted for as many before.
    func measure(seconds: Int, besideTransactionOf age: Int) async throws -> Measurement {
        let bus = ConfirmingBus(from: 0, until: .max)
        let measurement = Mutex<Measurement?>(nil)
        let run: @Sendable () async throws -> Void = {
            try await Task.sleep(for: .seconds(age))
            let start = bus.startNow()
            try await Task.sleep(for: .seconds(seconds))
            measurement.withLock { $0 = start.start.end(operations: bus.confirmed - start.confirmed) }
        }
        let relay = OutboxRelay(from: self.store, to: bus, batch: Self.batch)
        try await withService({ try await relay.run() }) {
            try await withService({ try await Committing(store: self.store).run() }) {
                if age > 0 { try await LongTransaction.open(in: self.store, while: run) } else { try await run() }
            }
        }
        guard let result = measurement.withLock({ $0 }) else { throw BenchmarkFailure("nothing was measured") }
        return result
    }

    private func relay(
        _ bus: ConfirmingBus,
        _ end: @escaping @Sendable () async throws -> Int
    ) async throws -> Measurement {
        let relay = OutboxRelay(from: self.store, to: bus, batch: Self.batch)
        return try await withService({ try await relay.run() }) {
            let start = await bus.untilAll()
            return start.end(operations: try await end())
        }
    }
}

/// Confirms what it gets, unless nobody has subscribed to it; signals when it has got a number, and when the clock is to start.
private final class ConfirmingBus: EventBus {
    private let first: Int
    private let expected: Int
    private let number = Atomic(0)
    private let start: Mutex<Measurement.Start>
    private let end = AsyncStream<Void>.makeStream()

    /// From 0: from now on.
    init(from first: Int, until expected: Int) {
        self.first = first
        self.expected = expected
        self.start = Mutex(Measurement.Start())
    }

    var confirmed: Int { self.number.load(ordering: .relaxed) }

    func startNow() -> (start: Measurement.Start, confirmed: Int) { (Measurement.Start(), self.confirmed) }

    func untilAll() async -> Measurement.Start {
        for await _ in self.end.stream {}
        return self.start.withLock { $0 }
    }

    func publish(_ messages: [Message]) async -> [PublishOutcome] {
        let count = messages.count { $0.topic != OutboxFill.unheard }
        let confirmed = self.number.add(count, ordering: .relaxed).newValue
        if confirmed >= self.first, confirmed - count < self.first {
            self.start.withLock { $0 = Measurement.Start() }
        }
        if confirmed >= self.expected { self.end.continuation.finish() }
        return messages.map { $0.topic == OutboxFill.unheard ? .unroutable : .confirmed }
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

    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws { throw Self.error }

    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int { throw Self.error }

    func remove(_ subscription: SubscriptionName) async throws { throw Self.error }

    private static let error = BusError(.unknownSubscription, "this bus has no subscriptions")
}
