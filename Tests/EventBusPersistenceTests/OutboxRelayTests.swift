// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Synchronization
import Testing

@Suite struct OutboxRelayTests {
    let stage = ManualExecutor()
    let bus = ScriptedBus()

    func relay(_ store: FaultyStore, to bus: (any EventBus)? = nil, batch: Int = 256) -> OutboxRelay {
        OutboxRelay(from: store, to: bus ?? self.bus, batch: batch, clock: self.stage.clock)
    }

    func commit(_ events: any Event..., to store: FaultyStore) throws {
        try self.stage.run {
            try await store.base.transaction { transaction in
                for event in events { try transaction.publish(event) }
            }
        }
    }

    func isEmpty(_ store: FaultyStore) throws -> Bool {
        try self.stage.run { try await store.base.outbox.oldest() == nil }
    }

    func health(of relay: OutboxRelay) throws -> Health {
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
}
