// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Which deliveries may start")
struct BacklogStateTests {
    /// Deliveries named by key and number, `a1` being the first of key `a`; `-` is no key; `!` marks one that came back twice, all others came back once.
    private func deliveries(_ names: String...) -> [Delivery] {
        names.enumerated().map { index, name in
            let key = String(name.prefix(1))
            return Delivery(
                id: Delivery.ID(generation: 1, tag: UInt64(index + 1)),
                message: Message(
                    id: name,
                    topic: "t",
                    time: Date(timeIntervalSince1970: 0),
                    orderingKey: key == "-" ? nil : key,
                    body: []
                ),
                returns: name.hasSuffix("!") ? 2 : 1
            )
        }
    }

    private func names(_ jobs: [BacklogState.Job]) -> [String] { jobs.map(\.delivery.message.id) }

    @Test func withoutOrderEverythingMayStart() {
        var backlog = BacklogState(ordering: .none)
        backlog.add(self.deliveries("a1", "a2", "b1", "a3"))
        #expect(self.names(backlog.take(limit: 3)) == ["a1", "a2", "b1"])
        #expect(self.names(backlog.take(limit: 3)) == ["a3"])
        #expect(backlog.take(limit: 3).isEmpty)
    }

    @Test func ofEachKeyOnlyTheHeadRuns() {
        var backlog = BacklogState(ordering: .perKey)
        backlog.add(self.deliveries("a1", "a2", "b1", "-1", "-2", "b2"))
        let jobs = backlog.take(limit: 10)
        #expect(self.names(jobs) == ["a1", "b1", "-1", "-2"])
        #expect(backlog.take(limit: 10).isEmpty)
        backlog.complete(jobs[1])
        #expect(self.names(backlog.take(limit: 10)) == ["b2"])
        backlog.complete(jobs[0])
        #expect(self.names(backlog.take(limit: 10)) == ["a2"])
        #expect(backlog.count == 0)
    }

    @Test func theLimitHoldsForKeysToo() {
        var backlog = BacklogState(ordering: .perKey)
        backlog.add(self.deliveries("a1", "b1", "c1"))
        #expect(self.names(backlog.take(limit: 2)) == ["a1", "b1"])
        #expect(self.names(backlog.take(limit: 2)) == ["c1"])
    }

    @Test func aFailingHeadKeepsItsPlaceWhileOtherKeysFlow() {
        var backlog = BacklogState(ordering: .perKey)
        backlog.add(self.deliveries("a1", "a2", "b1", "b2"))
        let first = backlog.take(limit: 10)
        #expect(self.names(first) == ["a1", "b1"])
        backlog.hold(first[0].failed(Failures(count: 1)), until: .seconds(5))
        #expect(backlog.isAsleep && backlog.nextDue == .seconds(5))
        #expect(backlog.take(limit: 10).isEmpty)
        backlog.complete(first[1])
        #expect(self.names(backlog.take(limit: 10)) == ["b2"])
        backlog.wake(now: .seconds(4.9))
        #expect(backlog.take(limit: 10).isEmpty)
        backlog.wake(now: .seconds(5))
        #expect(backlog.nextDue == nil && !backlog.isAsleep)
        let again = backlog.take(limit: 10)
        #expect(self.names(again) == ["a1"])
        #expect(again.map(\.failures.count) == [1])
        backlog.complete(again[0])
        #expect(self.names(backlog.take(limit: 10)) == ["a2"])
    }

    @Test func aHeadThatFailsWhileLaterOnesWaitGoesBackInFrontOfThem() {
        var backlog = BacklogState(ordering: .perKey)
        let deliveries = self.deliveries("a1", "b1", "a2", "a3")
        backlog.add(Array(deliveries[..<2]))
        let jobs = backlog.take(limit: 10)
        backlog.add(Array(deliveries[2...]))
        backlog.hold(jobs[0], until: .seconds(1))
        backlog.hold(jobs[1], until: .seconds(1))
        backlog.wake(now: .seconds(1))
        #expect(self.names(backlog.take(limit: 1)) == ["a1"])
        #expect(self.names(backlog.take(limit: 1)) == ["b1"])
    }

    @Test func aMessageWithoutKeyHoldsBackNobody() {
        var backlog = BacklogState(ordering: .perKey)
        backlog.add(self.deliveries("-1", "-2"))
        let jobs = backlog.take(limit: 1)
        backlog.hold(jobs[0], until: .seconds(1))
        #expect(self.names(backlog.take(limit: 2)) == ["-2"])
        let stall = backlog.stall(prefetch: 1, bytes: .max)
        #expect(stall.isThere && stall.key == nil)
    }

    @Test func onlyAScopeWithoutAnEventOfAnAwakeKeyIsStalled() {
        var backlog = BacklogState(ordering: .perKey)
        func delivery(_ generation: UInt64, _ tag: UInt64, _ key: String) -> Delivery {
            let message = Message(id: "m", topic: "t", time: Stamp.next().time, orderingKey: key, body: [0, 0])
            return Delivery(id: Delivery.ID(generation: generation, tag: tag), message: message)
        }
        // Scope 1 sleeps, scope 2 has more to do, and both are full.
        backlog.add([delivery(1, 1, "a"), delivery(2, 1, "b"), delivery(2, 2, "c"), delivery(2, 3, "b")])
        let jobs = backlog.take(limit: 1)
        backlog.hold(jobs[0], until: .seconds(1))
        #expect(!backlog.stall(prefetch: 2, bytes: .max).isThere, "no scope is full because of the key that sleeps")
        backlog.add([delivery(1, 2, "a")])
        let stall = backlog.stall(prefetch: 2, bytes: .max)
        #expect(stall.isThere && stall.key == "a")
        #expect(backlog.stall(prefetch: 64, bytes: 4).isThere)
        #expect(!backlog.stall(prefetch: 64, bytes: 5).isThere)
        backlog.add([delivery(1, 3, "d")])
        #expect(!backlog.stall(prefetch: 2, bytes: .max).isThere, "another key can be handled")
    }

    @Test func aMessageThatCameBackIsQuarantinedInItsOrder() {
        var backlog = BacklogState(ordering: .perKey)
        backlog.add(self.deliveries("a1!", "b1!", "a2", "c1"))
        for expected in ["a1!", "b1!"] {
            let jobs = backlog.take(limit: 10)
            #expect(self.names(jobs) == [expected])
            #expect(backlog.take(limit: 10).isEmpty)
            backlog.complete(jobs[0])
        }
        #expect(self.names(backlog.take(limit: 10)) == ["a2", "c1"])
    }

    @Test func nothingElseStartsWhileTheLastThatCameBackRuns() {
        var backlog = BacklogState(ordering: .perKey)
        backlog.add(self.deliveries("a1!", "b1"))
        let jobs = backlog.take(limit: 10)
        #expect(self.names(jobs) == ["a1!"])
        #expect(backlog.take(limit: 10).isEmpty)
        backlog.complete(jobs[0])
        #expect(self.names(backlog.take(limit: 10)) == ["b1"])
    }

    @Test func aSuspectThatSleepsHoldsUpItsKeyOnly() {
        var backlog = BacklogState(ordering: .perKey)
        backlog.add(self.deliveries("a1!", "b1", "c1"))
        let suspect = backlog.take(limit: 10)[0]
        backlog.hold(suspect.failed(Failures(count: 1)), until: .seconds(600))
        #expect(self.names(backlog.take(limit: 10)) == ["b1", "c1"])
    }

    @Test func whatCameBackWaitsForWhatRuns() {
        var backlog = BacklogState(ordering: .perKey)
        let deliveries = self.deliveries("a1", "b1!", "c1")
        backlog.add(Array(deliveries[..<1]))
        let running = backlog.take(limit: 10)
        backlog.add(Array(deliveries[1...]))
        #expect(backlog.take(limit: 10).isEmpty)
        backlog.complete(running[0])
        #expect(self.names(backlog.take(limit: 10)) == ["b1!"])
    }

    @Test(arguments: [Ordering.none, .perKey]) func afterTheEndNothingIsStarted(ordering: Ordering) {
        var backlog = BacklogState(ordering: ordering)
        let deliveries = self.deliveries("a1", "a2", "b1", "c1")
        backlog.add(Array(deliveries[..<3]))
        let running = backlog.take(limit: 1)
        #expect(!backlog.isFinished)
        #expect(backlog.finish() == deliveries[1..<3].map(\.id))
        #expect(backlog.isFinished)
        #expect(backlog.take(limit: 9).isEmpty)
        #expect(backlog.add(Array(deliveries[3...])) == [deliveries[3].id], "what comes later goes back as well")
        backlog.hold(running[0], until: .seconds(1))
        backlog.wake(now: .seconds(2))
        #expect(backlog.take(limit: 9).isEmpty, "nor what waits for another attempt")
    }
}
