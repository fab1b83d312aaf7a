// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import ServiceLifecycleTestKit
import Synchronization
import Testing

@Suite struct OutboxRelayTests {
    private let stage = ManualExecutor()
    private let bus = ScriptedBus()

    private func relay(_ store: FaultyStore, to bus: (any EventBus)? = nil, batch: Int = 256) -> OutboxRelay {
        OutboxRelay(from: store, to: bus ?? self.bus, batch: batch, clock: self.stage.clock)
    }

    private func commit(_ events: any Event..., to store: FaultyStore) throws {
        try self.stage.run {
            try await store.base.transaction { transaction in
                for event in events { try transaction.publish(event) }
            }
        }
    }

    private func isEmpty(_ store: FaultyStore) throws -> Bool {
        try self.stage.run { try await store.base.outbox.oldest() == nil }
    }

    private func health(of relay: OutboxRelay) throws -> Health {
        try self.stage.run { await relay.health }
    }

    // MARK: Publishing

    @Test(.timeLimit(.minutes(1))) func anEventLeavesTheOutboxOnlyAfterTheBusHasConfirmedIt() async throws {
        let store = FaultyStore()
        let gate = self.bus.close()
        try self.commit(Noted(label: "one"), to: store)
        let relay = self.relay(store)
        let running = self.stage.start { try await relay.run() }
        #expect(self.bus.batches == [["one"]])
        #expect(try !self.isEmpty(store))
        gate.raise()
        self.stage.settle()
        #expect(try self.isEmpty(store))
        #expect(self.bus.batches == [["one"]])
        #expect(try self.health(of: relay) == .ready)
        running.cancel()
        await self.stage.end(running)
        #expect(running.error is CancellationError)
    }

    @Test func aCommitWakesTheRelayAtOnce() throws {
        let store = FaultyStore()
        let relay = self.relay(store)
        _ = self.stage.start { try await relay.run() }
        for number in 0..<3 {
            let looks = store.count(.exchange)
            self.stage.advance(by: .seconds(3600))
            #expect(store.count(.exchange) == looks, "an idle relay looks for nothing")
            try self.commit(Noted(label: "\(number)"), to: store)
            #expect(self.bus.batches.last == ["\(number)"])
        }
        #expect(try self.isEmpty(store))
    }

    @Test func commitsOfOtherProcessesAreFoundByPolling() throws {
        let store = FaultyStore(pollInterval: .milliseconds(500), isSilent: true)
        let relay = self.relay(store)
        _ = self.stage.start { try await relay.run() }
        try self.commit(Noted(label: "theirs"), to: store)
        self.stage.advance(by: .milliseconds(499))
        #expect(self.bus.batches == [])
        self.stage.advance(by: .milliseconds(1))
        #expect(self.bus.batches == [["theirs"]])
        #expect(try self.isEmpty(store))
    }

    @Test func eventsArePublishedInBatchesAndInOrder() throws {
        let store = FaultyStore()
        for number in 0..<5 { try self.commit(Noted(label: "\(number)"), to: store) }
        let relay = self.relay(store, batch: 2)
        _ = self.stage.start { try await relay.run() }
        #expect(self.bus.batches == [["0", "1"], ["2", "3"], ["4"]])
    }

    @Test func onlyOneEventOfAKeyIsInFlight() throws {
        let store = FaultyStore()
        let gate = self.bus.close()
        try self.commit(
            Noted(label: "a1", key: "a"),
            Asked(label: "a2", key: "a"),
            Noted(label: "free"),
            Noted(label: "a3", key: "a"),
            to: store
        )
        let relay = self.relay(store)
        _ = self.stage.start { try await relay.run() }
        #expect(self.bus.batches == [["a1", "free"]])
        gate.raise()
        self.stage.settle()
        #expect(self.bus.batches == [["a1", "free"], ["a2"], ["a3"]])
    }

    // MARK: Outcomes

    @Test func anEventWithoutASubscriberDoesNotDelayOthers() throws {
        let store = FaultyStore()
        self.bus.answer { $0.topic == Asked.topic ? .unroutable : .confirmed }
        try self.commit(Asked(label: "who?"), Noted(label: "one"), to: store)
        let relay = self.relay(store)
        _ = self.stage.start { try await relay.run() }
        #expect(self.bus.batches == [["who?", "one"]])
        #expect(try self.health(of: relay) == Health(notes: ["events of topic test.asked wait for a subscriber"]))
        try self.commit(Asked(label: "when?"), Noted(label: "two"), to: store)
        #expect(self.bus.batches.last == ["two"])
        self.stage.advance(by: .milliseconds(250))
        #expect(self.bus.batches.last == ["who?", "when?"])
        self.bus.answer { _ in .confirmed }
        self.stage.advance(by: .milliseconds(499))
        #expect(self.bus.batches.count == 3)
        self.stage.advance(by: .milliseconds(1))
        #expect(self.bus.batches.last == ["who?", "when?"])
        #expect(self.bus.batches.count == 4)
        #expect(try self.isEmpty(store))
        #expect(try self.health(of: relay) == .ready)
    }

    @Test func anEventIsDeliveredOnceThereIsASubscriber() throws {
        let store = FaultyStore()
        let bus = InMemoryEventBus(clock: self.stage.clock)
        let heard = Mutex<[String]>([])
        try self.commit(Asked(label: "who?"), to: store)
        let relay = self.relay(store, to: bus)
        _ = self.stage.start { try await relay.run() }
        #expect(try self.health(of: relay).notes == ["events of topic test.asked wait for a subscriber"])
        #expect(try self.health(of: relay).isReady)
        let consumer = EventConsumer("test.listener", on: bus, clock: self.stage.clock) {
            On(Asked.self) { event in heard.withLock { $0.append(event.label) } }
        }
        _ = self.stage.start { try await consumer.run() }
        #expect(heard.withLock { $0 } == [])
        self.stage.advance(by: .milliseconds(250))
        #expect(heard.withLock { $0 } == ["who?"])
        #expect(try self.health(of: relay) == .ready)
    }

    @Test(arguments: [PublishOutcome.unknown, .notSent(BusError(.unavailable, "no broker"))])
    func duringAnOutageOfTheBusEventsWait(outcome: PublishOutcome) throws {
        let store = FaultyStore()
        self.bus.answer { $0.label == "two" ? outcome : .confirmed }
        try self.commit(Noted(label: "one"), Noted(label: "two"), to: store)
        let relay = self.relay(store)
        _ = self.stage.start { try await relay.run() }
        #expect(self.bus.batches == [["one", "two"]])
        #expect(try self.health(of: relay).isReady)
        #expect(try self.health(of: relay).notes.count == 1)
        #expect(try self.health(of: relay).notes.first?.hasPrefix("events wait for the bus: ") == true)
        try self.commit(Noted(label: "three"), to: store)
        self.stage.advance(by: .milliseconds(99))
        #expect(self.bus.batches.count == 1, "a commit is no reason to ask again")
        self.stage.advance(by: .milliseconds(1))
        #expect(self.bus.batches.last == ["two", "three"])
        self.stage.advance(by: .milliseconds(199))
        #expect(self.bus.batches.count == 2)
        self.bus.answer { _ in .confirmed }
        self.stage.advance(by: .milliseconds(1))
        #expect(self.bus.batches.last == ["two"])
        #expect(Set(self.bus.ids).count == 3, "what is published again has its old id")
        #expect(try self.isEmpty(store))
        #expect(try self.health(of: relay) == .ready)
    }

    @Test func aRefusedEventDelaysOnlyEventsWithItsKey() throws {
        let store = FaultyStore()
        self.bus.answer { $0.label == "bad" ? .refused(reason: "too odd") : .confirmed }
        try self.commit(
            Noted(label: "bad", key: "a"),
            Noted(label: "after bad", key: "a"),
            Noted(label: "good"),
            to: store
        )
        let relay = self.relay(store)
        _ = self.stage.start { try await relay.run() }
        #expect(self.bus.batches == [["bad", "good"]])
        #expect(try self.health(of: relay) == Health(notes: ["events refused by the bus, to be retried: 1"]))
        try self.commit(Noted(label: "better"), Noted(label: "of b", key: "b"), to: store)
        #expect(self.bus.batches.last == ["better", "of b"])
        self.bus.answer { _ in .confirmed }
        self.stage.advance(by: .milliseconds(250))
        #expect(self.bus.batches.suffix(2) == [["bad"], ["after bad"]])
        #expect(try self.isEmpty(store))
        #expect(try self.health(of: relay) == .ready)
    }

    @Test func aRefusedEventWhoseTopicLosesItsSubscriberDoesNotCauseABusyLoop() throws {
        let store = FaultyStore()
        try self.commit(Asked(label: "who?"), to: store)
        self.bus.answer { _ in .refused(reason: "full") }
        let relay = self.relay(store)
        _ = self.stage.start { try await relay.run() }
        self.bus.answer { _ in .unroutable }
        self.stage.advance(by: .milliseconds(250))
        #expect(self.bus.batches.count == 2)
        let looks = store.count(.exchange)
        self.stage.advance(by: .milliseconds(249))
        #expect(store.count(.exchange) == looks)
        self.stage.advance(by: .milliseconds(1))
        #expect(self.bus.batches.count == 3)
    }

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

    // MARK: Outages of the store

    @Test(arguments: [FaultyStore.Call.ownership, .exchange])
    func theRelayRetriesDuringAnOutageOfTheStore(call: FaultyStore.Call) throws {
        let store = FaultyStore()
        store.fail(call, times: 2)
        try self.commit(Noted(label: "one"), to: store)
        let relay = self.relay(store)
        _ = self.stage.start { try await relay.run() }
        #expect(self.bus.batches == [])
        #expect(try self.health(of: relay).isReady)
        #expect(try self.health(of: relay).notes == ["the outbox cannot be read: unavailable: failed by a test"])
        self.stage.advance(by: .milliseconds(100))
        #expect(self.bus.batches == [])
        self.stage.advance(by: .milliseconds(200))
        #expect(self.bus.batches == [["one"]])
        #expect(try self.isEmpty(store))
        #expect(try self.health(of: relay) == .ready)
    }

    /// As with a database that has become read-only: it can be owned and read, but nothing can be removed.
    @Test func whatWasConfirmedIsRemovedBeforeAnythingElseIsPublishedAndIsNotPublishedAgain() throws {
        let store = FaultyStore()
        store.fail(.removal, times: 5)
        try self.commit(Noted(label: "one"), to: store)
        let relay = self.relay(store)
        _ = self.stage.start { try await relay.run() }
        #expect(self.bus.batches == [["one"]])
        try self.commit(Noted(label: "two"), to: store)
        for (pause, removals) in [(100, 2), (200, 3), (400, 4), (800, 5)] {
            self.stage.advance(by: .milliseconds(pause - 1))
            #expect(store.count(.removal) == removals - 1, "ownership is no reason to try again sooner")
            self.stage.advance(by: .milliseconds(1))
            #expect(store.count(.removal) == removals)
        }
        #expect(self.bus.batches == [["one"]])
        self.stage.advance(by: .milliseconds(1600))
        #expect(self.bus.batches == [["one"], ["two"]])
        #expect(try self.isEmpty(store))
        store.fail(.removal)
        try self.commit(Noted(label: "three"), to: store)
        self.stage.advance(by: .milliseconds(100))
        #expect(try self.isEmpty(store), "a removal ends the back-off")
        #expect(self.bus.batches.count == 3)
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
