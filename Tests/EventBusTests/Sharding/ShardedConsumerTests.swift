// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Synchronization
import Testing

@testable import EventBus

@Suite("A consumer of several shards")
struct ShardedConsumerTests {
    private static let shards = 4

    private let world: ConsumerFixture

    init() throws {
        self.world = try ConsumerFixture(ordering: .perKey, shards: Self.shards)
    }

    /// A key whose events are in this shard.
    private func key(in shard: Int) throws -> String {
        let keys = (0..<1000).map { "k\($0)" }
        return try #require(
            keys.first { key in
                let message = Message(id: "m", topic: "t", time: Stamp.next().time, orderingKey: key, body: [])
                return QueueEntry(message: message).shard(of: Self.shards) == shard
            }
        )
    }

    private func options(
        prefetch: Int = 64,
        concurrency: Int = 8,
        retry: RetryPolicy = .standard
    ) -> ConsumerOptions {
        ConsumerOptions(
            ordering: .perKey,
            shards: Self.shards,
            prefetch: prefetch,
            concurrency: concurrency,
            retry: retry
        )
    }

    @Test("Shards are handed over while all handlers are slow and more events wait than may be out")
    func slowHandlers() async throws {
        struct Handled: Sendable {
            let consumer: String
            let event: Ping
        }
        let log = Log<Handled>()
        let options = self.options(prefetch: 16, concurrency: 4)
        func start(_ name: String) -> ConsumerFixture.Life {
            self.world.start(options: options) { [clock = self.world.stage.clock] event in
                try await clock.sleep(for: .seconds(1))
                log.append(Handled(consumer: name, event: event))
            }
        }
        try self.world.publish((0..<400).map { try Message(Ping("\($0)", key: "k\($0 % 40)")) })
        let first = start("a")
        for _ in 0..<5 { self.world.stage.advance(by: .seconds(1)) }
        #expect(log.entries.count == 20)
        let second = start("b")
        for _ in 0..<25 { self.world.stage.advance(by: .seconds(1)) }
        #expect(log.entries.contains { $0.consumer == "b" }, "the second one has a shard")
        for _ in 0..<200 where log.entries.count < 400 { self.world.stage.advance(by: .seconds(1)) }
        for number in 0..<40 {
            let labels = log.entries.map(\.event).filter { $0.key == "k\(number)" }.map(\.label)
            #expect(labels == stride(from: number, to: 400, by: 40).map { "\($0)" })
        }
        await self.world.drain(first)
        await self.world.drain(second)
    }

    @Test("A shard with an event that waits for another attempt holds up the handing over of no other")
    func sideBySide() async throws {
        let log = self.world.log
        let retry = RetryPolicy(attempts: 5, firstDelay: .seconds(60), cap: .seconds(60))
        let options = self.options(retry: retry)
        func start(_ name: String) -> ConsumerFixture.Life {
            self.world.start(options: options) { event in
                if event.label == "bad" { throw HandlerFailure() }
                log.append("\(name) \(event.label)")
            }
        }
        let first = start("a")
        self.world.stage.advance(by: .seconds(2))
        // The last shard is the first one to go.
        try self.world.publish("bad", key: self.key(in: 3))
        let second = start("b")
        for _ in 0..<2 { self.world.stage.advance(by: .seconds(2)) }
        try self.world.publish("x", key: self.key(in: 2))
        #expect(log.entries == ["b x"])
        await self.world.drain(first)
        await self.world.drain(second)
    }

    @Test(
        "At a shutdown a shard goes to the next instance when nothing of it runs, however long handlers of others take"
    )
    func shutdown() async throws {
        let (log, gate) = (self.world.log, Gate())
        let options = self.options(concurrency: 1)
        let life = self.world.start(options: options) { event in
            try await gate.wait()
            log.append(event.label)
        }
        try self.world.publish("slow", key: self.key(in: 0))
        try self.world.publish("unstarted", key: self.key(in: 1))
        life.shutDown()
        await self.world.stage.settleNextJob()
        #expect(!life.run.hasEnded)
        let bus = ShardFaults(self.world.bus)
        let next = self.world.start(on: bus, options: options) { log.append("next \($0.label)") }
        #expect(log.entries == ["next unstarted"])
        for shard in 1...3 { try self.world.publish("\(shard)", key: self.key(in: shard)) }
        for _ in 0..<10 { self.world.stage.advance(by: .seconds(2)) }
        #expect(bus.openings == Self.shards, "the next one leaves nothing to an instance that is about to end")
        try self.world.publish("later", key: self.key(in: 0))
        let before = ["next unstarted", "next 1", "next 2", "next 3"]
        #expect(log.entries == before, "its key is being handled")
        gate.open()
        await self.world.stage.end(life.run)
        #expect(life.run.error == nil)
        #expect(log.entries == before + ["slow", "next later"])
        await self.world.drain(next)
    }

    @Test(
        "At a shutdown an event that fails goes to the next instance with its shard, however long handlers of others take"
    )
    func failingShutdown() async throws {
        let (log, gates) = (self.world.log, [Gate(), Gate()])
        let life = self.world.start(options: self.options()) { event in
            try await gates[event.label == "slow" ? 0 : 1].wait()
            if event.label == "failing" { throw HandlerFailure() }
        }
        try self.world.publish("slow", key: self.key(in: 0))
        try self.world.publish("failing", key: self.key(in: 1))
        life.shutDown()
        await self.world.stage.settleNextJob()
        gates[1].open()
        self.world.stage.settle()
        #expect(!life.run.hasEnded)
        let removal = self.world.stage.start { [world] in try await world.bus.remove(world.name) }
        #expect((removal.error as? BusError)?.code == .subscriptionInUse, "a handler runs")
        let next = self.world.start(options: self.options()) { log.append("next \($0.label)") }
        #expect(log.entries == ["next failing"])
        gates[0].open()
        await self.world.stage.end(life.run)
        await self.world.drain(next)
    }

    @Test("A shard that cannot be opened holds up no other, and is opened as soon as it can be")
    func refused() async throws {
        let bus = ShardFaults(self.world.bus)
        bus.refuse(self.world.name.shard(2), times: 3)
        let log = self.world.log
        let life = self.world.start(on: bus, options: self.options()) { log.append($0.label) }
        for shard in 0..<Self.shards { try self.world.publish("\(shard)", key: self.key(in: shard)) }
        #expect(log.entries == ["0", "1", "3"])
        #expect(life.consumer.health.isReady)
        for pause in [50, 100] as [Int] { self.world.stage.advance(by: .milliseconds(pause)) }
        #expect(log.entries.count == 3)
        self.world.stage.advance(by: .milliseconds(200))
        #expect(log.entries == ["0", "1", "3", "2"])
        await self.world.drain(life)
    }

    @Test("When no shard can be opened the subscription is interrupted")
    func allRefused() async throws {
        let bus = ShardFaults(self.world.bus)
        for shard in 0..<Self.shards { bus.refuse(self.world.name.shard(shard), times: 1) }
        let log = self.world.log
        let life = self.world.start(on: bus, options: self.options()) { log.append($0.label) }
        try self.world.publish("a", key: "a")
        #expect(log.entries.isEmpty)
        #expect(!life.consumer.health.isReady)
        self.world.stage.advance(by: .milliseconds(50))
        #expect(log.entries == ["a"])
        #expect(life.consumer.health.isReady)
        await self.world.drain(life)
    }

    @Test("Losing a shard of which nothing is out cancels no handler; losing another one cancels all")
    func lost() async throws {
        let bus = ShardFaults(self.world.bus)
        let (log, gate) = (self.world.log, Gate())
        let life = self.world.start(on: bus, options: self.options()) { event in
            if event.label == "quick" { return }
            log.append("started \(event.label)")
            do {
                try await gate.wait()
            } catch {
                log.append("cancelled \(event.label)")
                throw error
            }
        }
        try self.world.publish("a", key: self.key(in: 0))
        bus.cut(self.world.name.shard(1))
        self.world.stage.settle()
        #expect(log.entries == ["started a"])
        try self.world.publish("b", key: self.key(in: 1))
        self.world.stage.advance(by: .milliseconds(50))
        #expect(log.entries == ["started a", "started b"], "the shard is open again")
        try self.world.publish("quick", key: self.key(in: 2))
        bus.cut(self.world.name.shard(2))
        self.world.stage.advance(by: .milliseconds(50))
        #expect(log.entries == ["started a", "started b"], "nothing of the shard was out any more")
        bus.cut(self.world.name.shard(0))
        self.world.stage.settle()
        #expect(log.entries.dropFirst(2).sorted() == ["cancelled a", "cancelled b"])
        gate.open()
        self.world.stage.advance(by: .milliseconds(50))
        #expect(log.entries.dropFirst(4).sorted() == ["started a", "started b"])
        await self.world.drain(life)
    }
}

/// The in-process bus, with shards that can be refused and cut off.
private final class ShardFaults: PartialBus {
    private struct State: Sendable {
        var refusals: [SubscriptionName: Int] = [:]
        var openings = 0
        var open: [SubscriptionName: InMemoryDeliveries] = [:]
    }

    private let inner: InMemoryEventBus
    private let state = Mutex(State())

    init(_ inner: InMemoryEventBus) {
        self.inner = inner
    }

    /// How often a shard was opened, or tried to be.
    var openings: Int { self.state.withLock { $0.openings } }

    /// The next so many openings of a shard fail.
    func refuse(_ shard: SubscriptionName, times: Int) {
        self.state.withLock { $0.refusals[shard] = times }
    }

    /// The connection of a shard is lost.
    func cut(_ shard: SubscriptionName) {
        self.state.withLock { $0.open[shard] }?.cut()
    }

    func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        try await self.inner.withShards(of: subscription, open: { try await self.open($0, $1) }, body)
    }

    func publish(_ messages: [Message]) async -> [PublishOutcome] { await self.inner.publish(messages) }

    private func open(_ shard: Subscription, _ body: (any Deliveries) async throws -> Void) async throws {
        let isRefused = self.state.withLock { state in
            state.openings += 1
            let left = state.refusals[shard.name] ?? 0
            state.refusals[shard.name] = max(0, left - 1)
            return left > 0
        }
        if isRefused { throw BusError(.unavailable, "the shard has no majority") }
        try await self.inner.withDeliveries(to: shard) { deliveries in
            self.state.withLock { $0.open[shard.name] = deliveries as? InMemoryDeliveries }
            try await body(deliveries)
        }
    }
}
