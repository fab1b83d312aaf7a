// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Logging
import Synchronization
import Testing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// An event of the tests; `label` says which one.
struct Ping: Event, Equatable {
    static let topic: Topic = "test.ping"
    let label: String
    var key: String?
    var orderingKey: String? { self.key }

    init(_ label: String, key: String? = nil) {
        self.label = label
        self.key = key
    }
}

/// Another event of the tests.
struct Pong: Event {
    static let topic: Topic = "test.pong"
    static let version = 2
    let count: Int
}

struct HandlerFailure: Error {}

/// Stamps that show the virtual time, in seconds since 1970.
private struct ClockStamps: StampSource {
    let clock: VirtualClock

    func next() -> Stamp {
        let seconds = self.clock.now.offset / .seconds(1)
        return Stamp(id: Identifier(high: 0, low: 0), time: Date(timeIntervalSince1970: seconds))
    }
}

/// A stage with a bus, a subscription that exists, and consumers of it.
final class ConsumerFixture: Sendable {
    /// A consumer that runs.
    struct Life {
        let consumer: EventConsumer
        let run: ManualTask<Void>
        let shutDown: @Sendable () -> Void
    }

    let stage = ManualExecutor()
    let bus: InMemoryEventBus
    let log = Log<String>()
    let name: SubscriptionName = "test"

    init(ordering: Ordering = .none, shards: Int = 1, topics: [TopicPattern] = [TopicPattern(Ping.topic)]) throws {
        self.bus = InMemoryEventBus(clock: self.stage.clock)
        let subscription = try Subscription(self.name, patterns: topics, ordering: ordering, shards: shards)
        try self.stage.run { [bus] in try await bus.withDeliveries(to: subscription) { _ in } }
    }

    var now: Duration { self.stage.clock.now.offset }

    var deadLetters: [DeadLetter] { self.bus.report(of: self.name)?.deadLetters ?? [] }

    func publish(_ labels: String..., key: String? = nil) throws {
        try self.publish(labels.map { try Message(Ping($0, key: key)) })
    }

    func publish(_ messages: [Message]) throws {
        let outcomes = try self.stage.run { [bus] in await bus.publish(messages) }
        #expect(outcomes.allSatisfy { $0.isConfirmed })
        self.stage.settle()
    }

    func consumer(
        on bus: (any EventBus)? = nil,
        options: ConsumerOptions = ConsumerOptions(timeLimit: .seconds(7)),
        @OnBuilder<Void> _ handlers: () -> [On<Void>]
    ) -> EventConsumer {
        EventConsumer(
            self.name,
            on: bus ?? self.bus,
            options: options,
            clock: self.stage.clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            handlers
        )
    }

    func start(_ consumer: EventConsumer) -> Life {
        let (run, shutDown) = self.stage.startUnderShutdown { [clock = self.stage.clock] in
            try await Stamp.withSource(ClockStamps(clock: clock)) { try await consumer.run() }
        }
        return Life(consumer: consumer, run: run, shutDown: shutDown)
    }

    /// Starts a consumer of pings.
    func start(
        on bus: (any EventBus)? = nil,
        options: ConsumerOptions = ConsumerOptions(timeLimit: .seconds(7)),
        _ handler: @escaping @Sendable (Ping) async throws -> Void
    ) -> Life {
        self.start(self.consumer(on: bus, options: options) { On(Ping.self, handler) })
    }

    /// Asks for a graceful shutdown and waits until the consumer has ended.
    func drain(_ life: Life) async {
        life.shutDown()
        await self.stage.end(life.run)
        #expect(life.run.error == nil)
    }

    /// Ends a consumer as a crash would: nothing of what it holds is settled.
    func crash(_ life: Life) async {
        life.run.cancel()
        await self.stage.end(life.run)
        #expect(life.run.error is CancellationError)
    }
}

/// A bus in front of another one that fails on demand.
final class FragileBus: EventBus {
    private struct State: Sendable {
        var openings: [Duration] = []
        var refusals = 0
        var cut = Gate()
        var flushes = 0
    }

    private let inner: any EventBus
    private let clock: VirtualClock
    private let state = Mutex(State())

    init(_ world: ConsumerFixture, refusals: Int = 0) {
        self.inner = world.bus
        self.clock = world.stage.clock
        self.state.withLock { $0.refusals = refusals }
    }

    /// When subscriptions were opened or tried to be.
    var openings: [Duration] { self.state.withLock { $0.openings } }

    /// How often verdicts were flushed.
    var flushes: Int { self.state.withLock { $0.flushes } }

    /// The next so many subscriptions are refused.
    func refuse(_ count: Int) {
        self.state.withLock { $0.refusals = count }
    }

    /// The connection of the open subscription is lost.
    func cut() {
        let gate = self.state.withLock { state in
            defer { state.cut = Gate() }
            return state.cut
        }
        gate.open()
    }

    func publish(_ messages: [Message]) async -> [PublishOutcome] { await self.inner.publish(messages) }

    func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        let (isRefused, gate) = self.state.withLock { state in
            state.openings.append(self.clock.now.offset)
            defer { state.refusals = max(0, state.refusals - 1) }
            return (state.refusals > 0, state.cut)
        }
        if isRefused { throw BusError(.unavailable, "no broker") }
        try await self.inner.withDeliveries(to: subscription) { deliveries in
            try await body(FragileDeliveries(inner: deliveries, cut: gate) { self.state.withLock { $0.flushes += 1 } })
        }
    }

    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        try await self.inner.deadLetters(of: subscription, limit: limit)
    }

    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try await self.inner.redrive(subscription, limit: limit, where: isWanted)
    }

    func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        try await self.inner.settleDeadLetters(of: subscription, limit: limit, batch: batch, decide)
    }

    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws {
        try await self.inner.unbind(patterns, from: subscription)
    }

    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int {
        try await self.inner.move(subscription, to: other)
    }

    func remove(_ subscription: SubscriptionName) async throws {
        try await self.inner.remove(subscription)
    }
}

private struct FragileDeliveries: Deliveries {
    let inner: any Deliveries
    let cut: Gate
    let onFlush: @Sendable () -> Void

    func next() async throws -> [Delivery]? {
        try await withThrowingTaskGroup(of: [Delivery]?.self) { group in
            group.addTask { try await self.inner.next() }
            group.addTask {
                try await self.cut.wait()
                throw BusError(.connectionLost, "cut")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    func settle(_ delivery: Delivery.ID, _ verdict: Verdict) { self.inner.settle(delivery, verdict) }

    func stop() { self.inner.stop() }

    func giveBack(_ deliveries: [Delivery.ID]) { self.inner.giveBack(deliveries) }

    func flush() async throws {
        self.onFlush()
        try await self.inner.flush()
    }
}
