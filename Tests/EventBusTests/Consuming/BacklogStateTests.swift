// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Which deliveries may start")
struct BacklogStateTests {
    /// Deliveries named by key and number, `a1` being the first of key `a`; `-` is no key; `!` marks one that came back.
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
                returns: name.hasSuffix("!") ? 1 : 0
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
        var failed = first[0]
        failed.failures = Failures(count: 1)
        backlog.hold(failed, until: .seconds(5))
        #expect(backlog.sleepingKey == "a" && backlog.nextDue == .seconds(5))
        #expect(backlog.take(limit: 10).isEmpty)
        backlog.complete(first[1])
        #expect(self.names(backlog.take(limit: 10)) == ["b2"])
        backlog.wake(now: .seconds(4.9))
        #expect(backlog.take(limit: 10).isEmpty)
        backlog.wake(now: .seconds(5))
        #expect(backlog.nextDue == nil && backlog.sleepingKey == nil)
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
        #expect(backlog.sleepingKey == nil)
    }

    @Test func whatCameBackRunsAloneInItsOrder() {
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

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func perKeyOrderHoldsInRandomRuns(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        var backlog = BacklogState(ordering: .perKey)
        var running: [BacklogState.Job] = []
        var done: [String: [Int]] = [:]
        var lastTag: UInt64 = 0
        var now = Duration.zero
        var toAdd = 200
        while toAdd > 0 || backlog.count > 0 || !running.isEmpty {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0 where toAdd > 0:
                lastTag += 1
                toAdd -= 1
                let message = Message(
                    id: "\(lastTag)",
                    topic: "t",
                    time: Date(timeIntervalSince1970: 0),
                    orderingKey: ["a", "b", "c"].randomElement(using: &generator),
                    body: []
                )
                let returns = Int.random(in: 0..<10, using: &generator) == 0 ? 1 : 0
                backlog.add([Delivery(id: Delivery.ID(generation: 1, tag: lastTag), message: message, returns: returns)]
                )
            case 1:
                running += backlog.take(limit: Int.random(in: 1...3, using: &generator))
                let keys = running.compactMap(\.delivery.message.orderingKey)
                #expect(Set(keys).count == keys.count, "one of a key at a time")
                if running.contains(where: { $0.delivery.returns > 0 }) { #expect(running.count == 1) }
            case 2 where !running.isEmpty:
                let job = running.remove(at: Int.random(in: 0..<running.count, using: &generator))
                if Bool.random(using: &generator) {
                    backlog.hold(job, until: now + .seconds(Int.random(in: 1...5, using: &generator)))
                } else {
                    done[job.delivery.message.orderingKey ?? "", default: []].append(Int(job.delivery.id.tag))
                    backlog.complete(job)
                }
            default:
                now += .seconds(1)
                backlog.wake(now: now)
            }
        }
        #expect(done.values.map(\.count).reduce(0, +) == 200)
        for (key, tags) in done { #expect(tags == tags.sorted(), "key \(key)") }
    }
}
