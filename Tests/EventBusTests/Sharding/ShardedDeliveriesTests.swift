// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Synchronization
import Testing

@testable import EventBus

@Suite("The shards of an open subscription")
struct ShardedDeliveriesTests {
    /// The deliveries of one shard, which a test controls.
    private final class Shard: Deliveries {
        /// What was called, in order.
        let calls = Log<String>()
        /// What the flushes do, one after the other; further ones succeed.
        private let flushes: Mutex<[@Sendable () async throws -> Void]>

        init(flushes: [@Sendable () async throws -> Void] = []) {
            self.flushes = Mutex(flushes)
        }

        func next() async throws -> [Delivery]? {
            try await Gate().wait()
            return nil
        }

        func settle(_ delivery: Delivery.ID, _ verdict: Verdict) { self.calls.append("settle") }

        func stop() { self.calls.append("stop") }

        func giveBack(_ deliveries: [Delivery.ID]) { self.calls.append("giveBack") }

        func flush() async throws {
            self.calls.append("flush")
            let flush: (@Sendable () async throws -> Void)? = self.flushes.withLock { flushes in
                flushes.isEmpty ? nil : flushes.removeFirst()
            }
            try await flush?()
        }
    }

    private let stage = ManualExecutor()
    private let sharded = ShardedDeliveries(shards: 2)

    private func delivery(_ generation: UInt64, _ tag: UInt64) -> Delivery {
        let message = Message(id: "m", topic: "t", time: Stamp.next().time, body: [])
        return Delivery(id: Delivery.ID(generation: generation, tag: tag), message: message)
    }

    /// Holds shard 1, since there are two instances, and starts to hand it over.
    private func handOver() -> ManualTask<Void> {
        let moves = [1, 2, 2].map { self.sharded.look(instances: $0).map(\.shard) }
        #expect(moves == [[], [], [1]])
        let clock = RelativeClock(self.stage.clock)
        return self.stage.start { [sharded] in await sharded.handOver(1, until: .seconds(5), on: clock) }
    }

    @Test("A shard is handed over when everything that is out has been settled and its verdicts are given to the bus")
    func handsOver() throws {
        let shard = Shard()
        #expect(self.sharded.opened(1, shard))
        #expect(self.sharded.look(instances: 1).isEmpty)
        self.sharded.arrived([self.delivery(10, 1), self.delivery(10, 2)], from: 1)
        let out = try self.stage.run { [sharded] in try await sharded.next() }
        #expect(out?.count == 2)
        let task = self.handOver()
        self.sharded.settle(Delivery.ID(generation: 10, tag: 1), .done)
        self.stage.settle()
        #expect(!task.hasEnded)
        self.sharded.settle(Delivery.ID(generation: 10, tag: 2), .done)
        self.stage.settle()
        #expect(task.hasEnded)
        #expect(shard.calls.entries == ["settle", "settle", "flush", "stop"])
        self.sharded.arrived([self.delivery(10, 3)], from: 1)
        let late = self.stage.start { [sharded] in try await sharded.next() }
        #expect(!late.hasEnded, "what comes too late goes back")
        self.sharded.stop()
        self.stage.settle()
        #expect(try late.hasEnded && late.result?.get() == nil)
    }

    @Test("A shard whose verdicts cannot be given to the bus stays, and goes on")
    func unflushed() throws {
        let shard = Shard(flushes: [{ throw BusError(.unavailable, "copies are not confirmed") }])
        #expect(self.sharded.opened(1, shard))
        #expect(self.sharded.look(instances: 1).isEmpty)
        self.sharded.arrived([self.delivery(10, 1)], from: 1)
        let out = try self.stage.run { [sharded] in try await sharded.next() }
        let task = self.handOver()
        self.sharded.arrived([self.delivery(10, 2)], from: 1)
        let next = self.stage.start { [sharded] in try await sharded.next() }
        #expect(!next.hasEnded, "what comes meanwhile waits")
        self.sharded.settle(try #require(out?.first).id, .done)
        self.stage.settle()
        #expect(task.hasEnded)
        #expect(shard.calls.entries == ["settle", "flush"])
        #expect(try next.result?.get()?.map(\.id.tag) == [2])
    }

    @Test("A flush that is interrupted by a hand-over is none of the shard's next scope")
    func formerScope() throws {
        let gate = Gate()
        let lost: @Sendable () async throws -> Void = {
            try await gate.wait()
            throw BusError(.connectionLost, "the scope has ended")
        }
        try self.settleOne(of: Shard(flushes: [lost]))
        let flush = self.stage.start { [sharded] in try await sharded.flush() }
        let task = self.handOver()
        #expect(task.hasEnded)
        #expect(self.sharded.opened(1, Shard()))
        gate.open()
        self.stage.settle()
        #expect(flush.hasEnded)
        #expect(flush.error == nil)
    }

    @Test("A flush that fails in an open scope is told")
    func failingFlush() throws {
        try self.settleOne(of: Shard(flushes: [{ throw BusError(.connectionLost, "lost") }]))
        let flush = self.stage.start { [sharded] in try await sharded.flush() }
        #expect((flush.error as? BusError)?.code == .connectionLost)
        let again = self.stage.start { [sharded] in try await sharded.flush() }
        #expect(again.hasEnded && again.error == nil, "it is tried again")
    }

    @Test(
        "Only shards with verdicts that are not carried out are flushed, so that the loss of an idle one disturbs nobody"
    )
    func idle() throws {
        let (busy, idle) = (Shard(), Shard())
        #expect(self.sharded.opened(0, idle))
        try self.settleOne(of: busy)
        for _ in 0..<2 { try self.stage.run { [sharded] in try await sharded.flush() } }
        #expect(busy.calls.entries == ["settle", "flush"])
        #expect(idle.calls.entries.isEmpty)
    }

    /// Opens shard 1 and gives a verdict.
    private func settleOne(of shard: Shard) throws {
        #expect(self.sharded.opened(1, shard))
        #expect(self.sharded.look(instances: 1).isEmpty)
        self.sharded.arrived([self.delivery(10, 1)], from: 1)
        let out = try self.stage.run { [sharded] in try await sharded.next() }
        self.sharded.settle(try #require(out?.first).id, .done)
    }
}
