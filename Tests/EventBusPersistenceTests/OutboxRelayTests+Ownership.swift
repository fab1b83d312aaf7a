// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Synchronization
import Testing

extension OutboxRelayTests {
    // MARK: Several relays

    @Test(.timeLimit(.minutes(1))) func oneRelayWorksUntilAnotherTakesOver() async throws {
        let store = FaultyStore()
        let otherBus = ScriptedBus()
        let (first, second) = (self.relay(store), self.relay(store, to: otherBus))
        let running = self.stage.start { try await first.run() }
        _ = self.stage.start { try await second.run() }
        try self.commit(Noted(label: "one"), to: store)
        #expect(self.bus.batches == [["one"]])
        #expect(otherBus.batches == [])
        _ = self.bus.close()
        try self.commit(Noted(label: "two"), to: store)
        running.cancel()
        await self.stage.end(running)
        #expect(running.error is CancellationError)
        // The first relay may have published the event, so the second one publishes it again, under the same id.
        #expect(otherBus.batches == [["two"]])
        #expect(otherBus.ids.last == self.bus.ids.last)
        try self.commit(Noted(label: "three"), to: store)
        #expect(otherBus.batches == [["two"], ["three"]])
        #expect(self.bus.batches.count == 2)
    }

    @Test(.timeLimit(.minutes(1)), arguments: [PublishOutcome.confirmed, .unknown])
    func aCancelledRelayEndsAfterItsCurrentBatch(outcome: PublishOutcome) async throws {
        let store = FaultyStore()
        let bus = CancellingBus(outcome)
        for number in 0..<3 { try self.commit(Noted(label: "\(number)"), to: store) }
        let relay = self.relay(store, to: bus, batch: 1)
        let running = self.stage.start { try await relay.run() }
        await self.stage.end(running)
        #expect(running.error is CancellationError)
        #expect(bus.calls.value == 1)
        let removals = outcome.isConfirmed ? 1 : 0
        #expect(store.count(.removal) == removals, "what is confirmed is not published again")
    }

    /// Cancels the task that publishes on it.
    private struct CancellingBus: PartialBus {
        let calls = Notifier()
        private let outcome: PublishOutcome

        init(_ outcome: PublishOutcome) { self.outcome = outcome }

        func publish(_ messages: [Message]) async -> [PublishOutcome] {
            self.calls.raise()
            withUnsafeCurrentTask { $0?.cancel() }
            return messages.map { _ in self.outcome }
        }

        func withDeliveries(
            to subscription: Subscription,
            _ body: (any Deliveries) async throws -> Void
        ) async throws {
            throw BusError(.unavailable, "this bus only takes")
        }
    }

    // MARK: Shutdown

    @Test(.timeLimit(.minutes(1))) func aShutdownFinishesTheCurrentBatch() async throws {
        let store = FaultyStore()
        let gate = self.bus.close()
        try self.commit(Noted(label: "one"), Noted(label: "two"), to: store)
        let relay = self.relay(store, batch: 1)
        let (running, trigger) = self.stage.startUnderShutdown { try await relay.run() }
        #expect(self.bus.batches == [["one"]])
        trigger()
        // The shutdown is triggered on another thread. The relay has noticed it when it does not read from the store
        // again.
        await self.stage.untilNextJob()
        self.stage.settle()
        #expect(!running.hasEnded)
        gate.raise()
        await self.stage.end(running)
        #expect(running.error == nil)
        #expect(self.bus.batches == [["one"]])
        let waiting = try self.stage.run { () -> [String] in
            let rows = Mutex<[String]>([])
            try await store.base.outbox.withOwnership { outbox in
                let labels = try await outbox.exchange(published: [], limit: 9, except: HeldRows()).map(\.message.label)
                rows.withLock { $0 = labels }
            }
            return rows.withLock { $0 }
        }
        #expect(waiting == ["two"])
    }

    @Test(.timeLimit(.minutes(1))) func idleAndStandbyRelaysShutDown() async throws {
        let store = FaultyStore()
        let (idle, standby) = (self.relay(store), self.relay(store))
        let (first, endFirst) = self.stage.startUnderShutdown { try await idle.run() }
        let (second, endSecond) = self.stage.startUnderShutdown { try await standby.run() }
        endSecond()
        await self.stage.end(second)
        #expect(second.error == nil)
        #expect(!first.hasEnded)
        endFirst()
        await self.stage.end(first)
        #expect(first.error == nil)
    }

    @Test(.timeLimit(.minutes(1))) func aRelayThatWaitsForTheBusShutsDownAtOnce() async throws {
        let store = FaultyStore()
        self.bus.answer { _ in .unknown }
        try self.commit(Noted(label: "one"), to: store)
        let relay = self.relay(store)
        let (running, trigger) = self.stage.startUnderShutdown { try await relay.run() }
        trigger()
        await self.stage.end(running)
        #expect(running.error == nil)
        #expect(try !self.isEmpty(store))
    }
}
