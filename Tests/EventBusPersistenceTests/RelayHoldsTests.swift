// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusPersistence

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct RelayHoldsTests {
    private var holds = RelayHolds()

    private func row(_ id: Int64, _ topic: Topic = "a") -> OutboxRow {
        OutboxRow(id: id, message: Message(id: "m\(id)", topic: topic, time: Date(timeIntervalSince1970: 0), body: []))
    }

    private let refused = PublishOutcome.refused(reason: "full")
    private let away = PublishOutcome.notSent(BusError(.unavailable, "no broker"))

    @Test func confirmedRowsAreNotHeld() {
        var holds = self.holds
        let left = holds.record([self.row(1), self.row(2)], [.confirmed, .confirmed], now: .zero)
        #expect(left == [1, 2])
        #expect(holds.held(now: .zero) == HeldRows())
        #expect(holds.pause == nil)
        #expect(holds.nextDue(after: .zero) == nil)
    }

    @Test func aTopicWithoutASubscriberIsHeldAsAWhole() {
        var holds = self.holds
        let rows = [self.row(1, "a"), self.row(2, "b"), self.row(3, "a")]
        #expect(holds.record(rows, [.unroutable, .confirmed, .unroutable], now: .zero) == [2])
        #expect(holds.held(now: .zero) == HeldRows(topics: ["a"]))
        #expect(holds.unroutable.map(\.topic) == ["a"])
        #expect(holds.pause == nil)
        #expect(holds.nextDue(after: .zero) == .milliseconds(250))
        #expect(holds.held(now: .milliseconds(249)) == HeldRows(topics: ["a"]))
        #expect(holds.held(now: .milliseconds(250)) == HeldRows())
    }

    @Test func theHoldOfATopicGrowsToFiveSecondsAndEndsWithAConfirm() {
        var holds = self.holds
        var now = Duration.zero
        var waits: [Duration] = []
        for _ in 0..<7 {
            _ = holds.record([self.row(1)], [.unroutable], now: now)
            let due = holds.nextDue(after: now) ?? .zero
            waits.append(due - now)
            now = due
        }
        #expect(waits == [250, 500, 1000, 2000, 4000, 5000, 5000].map { .milliseconds($0) })
        #expect(holds.record([self.row(1)], [.confirmed], now: now) == [1])
        #expect(holds.unroutable.map(\.topic) == [])
        _ = holds.record([self.row(2)], [.unroutable], now: now)
        #expect(holds.nextDue(after: now) == now + .milliseconds(250))
    }

    @Test func aRefusedRowWaitsAlone() {
        var holds = self.holds
        #expect(holds.record([self.row(1), self.row(2)], [self.refused, .confirmed], now: .zero) == [2])
        #expect(holds.held(now: .zero) == HeldRows(rows: [1]))
        #expect(holds.refusedRows == 1)
        #expect(holds.pause == nil)
        #expect(holds.record([self.row(1)], [.confirmed], now: .milliseconds(250)) == [1])
        #expect(holds.refusedRows == 0)
    }

    @Test(arguments: [PublishOutcome.unknown, .notSent(BusError(.unavailable, "no broker"))])
    func anOutagePausesEverythingWithBackoff(outcome: PublishOutcome) {
        var holds = self.holds
        var pauses: [Duration?] = []
        for _ in 0..<8 {
            // Rows that were confirmed before the outage are removed all the same.
            #expect(holds.record([self.row(1), self.row(2)], [.confirmed, outcome], now: .zero) == [1])
            pauses.append(holds.pause)
        }
        #expect(pauses == [100, 200, 400, 800, 1000, 1000, 1000, 1000].map { .milliseconds($0) })
        #expect(holds.outageReason != nil)
        #expect(holds.held(now: .zero) == HeldRows())
        _ = holds.record([self.row(2)], [.confirmed], now: .zero)
        #expect(holds.pause == nil)
        #expect(holds.outageReason == nil)
        _ = holds.record([self.row(3)], [outcome], now: .zero)
        #expect(holds.pause == .milliseconds(100))
    }

    @Test func anExpiredHoldDoesNotWakeTheRelay() {
        var holds = self.holds
        _ = holds.record([self.row(1)], [self.refused], now: .zero)
        _ = holds.record([self.row(1)], [.unroutable], now: .milliseconds(250))
        // The row's own hold ends at 250 ms, that of the topic continues. Waking up for the former would cause a busy
        // loop.
        #expect(holds.nextDue(after: .milliseconds(250)) == .milliseconds(500))
        #expect(holds.held(now: .milliseconds(250)) == HeldRows(topics: ["a"]))
    }
}
