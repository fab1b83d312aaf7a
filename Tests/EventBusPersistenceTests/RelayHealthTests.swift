// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import ServiceLifecycleTestKit
import Synchronization
import Testing

@Suite struct RelayHealthTests {
    private let stage = ManualExecutor()
    private let bus = ScriptedBus()
    private let store = FaultyStore()

    private func relay() -> OutboxRelay {
        OutboxRelay(from: self.store, to: self.bus, clock: self.stage.clock)
    }

    private func commit(_ events: any Event...) throws {
        try self.stage.run {
            try await self.store.base.transaction { transaction in
                for event in events { try transaction.publish(event) }
            }
        }
    }

    private func health(of relay: OutboxRelay) throws -> Health {
        try self.stage.run { await relay.health }
    }

    @Test func aRelayThatWasNeverStartedSaysSoAndWhatWaits() throws {
        let relay = self.relay()
        #expect(try self.health(of: relay).problems == ["the outbox relay has not been started"])
        try self.commit(Noted(label: "one"))
        let problem = try #require(try self.health(of: relay).problems.first)
        #expect(problem.hasPrefix("the outbox relay has not been started, and the oldest event is "))
    }

    @Test func aBusThatDoesNotAnswerIsAProblemAfterAMinute() throws {
        _ = self.bus.close()
        let relay = self.relay()
        _ = self.stage.start { try await relay.run() }
        try self.commit(Noted(label: "one"), Noted(label: "two"))
        self.stage.advance(by: .seconds(59))
        #expect(try self.health(of: relay).isReady)
        self.stage.advance(by: .seconds(1))
        #expect(
            try self.health(of: relay).problems == [
                "the bus has not answered for 60.0 seconds to the publishing of 2 events"
            ]
        )
    }

    @Test func aBusThatRefusesEverythingIsAProblemAfterAMinute() throws {
        self.bus.answer { _ in .refused(reason: "stuck") }
        let relay = self.relay()
        _ = self.stage.start { try await relay.run() }
        try self.commit(Noted(label: "one"), Noted(label: "two"))
        self.stage.advance(by: .seconds(70))
        let problem = try #require(try self.health(of: relay).problems.first)
        #expect(problem.hasPrefix("the bus has confirmed no event for "))
        self.bus.answer { _ in .confirmed }
        self.stage.advance(by: .seconds(10))
        #expect(try self.health(of: relay) == .ready)
    }

    @Test func aRelayThatStandsByNoticesThatNothingMoves() throws {
        _ = self.bus.close()
        let owner = self.relay()
        _ = self.stage.start { try await owner.run() }
        let standby = self.relay()
        _ = self.stage.start { try await standby.run() }
        try self.commit(Noted(label: "one"))
        #expect(try self.health(of: standby) == .ready)
        self.stage.advance(by: .seconds(15))
        let note = try #require(try self.health(of: standby).notes.first)
        #expect(note.hasPrefix("this relay stands by, and the oldest event, "))
        #expect(note.hasSuffix(" old, has not been published for 15.0 seconds"))
    }

    @Test(.timeLimit(.minutes(1))) func aShutdownDoesNotWaitForABusThatNeverAnswers() async throws {
        _ = self.bus.close()
        let relay = self.relay()
        let triggers = Mutex<[GracefulShutdownTestTrigger]>([])
        let running = self.stage.start {
            try await testGracefulShutdown { trigger in
                triggers.withLock { $0.append(trigger) }
                try await relay.run()
            }
        }
        try self.commit(Noted(label: "one"))
        triggers.withLock { $0 }.first?.triggerGracefulShutdown()
        await self.stage.untilNextJob()
        self.stage.advance(by: .seconds(9))
        #expect(!running.hasEnded)
        self.stage.advance(by: .seconds(1))
        await self.stage.end(running)
        #expect(running.error == nil)
        #expect(try self.stage.run { try await self.store.base.outbox.oldest() } != nil, "nothing is lost")
    }

    @Test func rowsThatCannotBeReadAreNamedUntilTheyCanBe() throws {
        self.store.unreadable = [7: "the headers cannot be decoded"]
        let relay = self.relay()
        _ = self.stage.start { try await relay.run() }
        #expect(
            try self.health(of: relay).notes == [
                "row 7 of the outbox cannot be read: the headers cannot be decoded. It stays there, and later events of its "
                    + "ordering key wait behind it"
            ]
        )
        #expect(try self.health(of: relay).isReady)
        for id: OutboxRow.ID in 8...20 { self.store.unreadable[id] = "broken" }
        try self.commit(Noted(label: "one"))
        let notes = try self.health(of: relay).notes
        #expect(notes.count == 4)
        #expect(notes.last == "rows of the outbox that cannot be read: 14")
        self.store.unreadable = [:]
        try self.commit(Noted(label: "two"))
        #expect(try self.health(of: relay) == .ready)
    }

    @Test func whatWaitsBehindAnEventWithoutASubscriberIsNamed() throws {
        self.bus.answer { $0.topic == Asked.topic ? .unroutable : .confirmed }
        let relay = self.relay()
        _ = self.stage.start { try await relay.run() }
        var asked = try self.stage.run { try Message(Asked(label: "who?")) }
        asked.orderingKey = "u1"
        let message = asked
        try self.stage.run {
            try await self.store.base.transaction { try $0.context.publish(message) }
        }
        try self.commit(Noted(label: "later", key: "u1"))
        #expect(
            try self.health(of: relay).notes == [
                "events of topic test.asked wait for a subscriber, and later events of the same ordering keys with "
                    + "them, for example of u1"
            ]
        )
    }
}
