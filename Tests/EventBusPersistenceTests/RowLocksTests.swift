// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusPersistence

@Suite struct RowLocksTests {
    private var locks = RowLocks()

    private static func row(_ id: Int64) -> RowLocks.Key { .row(RowKey(table: "t", id: .int(id))) }

    private mutating func acquire(_ row: Int64, for owner: RowLocks.Owner) -> RowLocks.Answer {
        self.locks.acquire(Self.row(row), for: owner)
    }

    @Test mutating func theFirstOwnerHoldsAndTheNextWaits() {
        #expect(self.acquire(1, for: 1) == .held)
        #expect(self.acquire(1, for: 1) == .held)
        #expect(self.acquire(1, for: 2) == .waits)
        #expect(self.locks.isWaiting(2))
        #expect(self.locks.awaited(by: 2) == Self.row(1))
        #expect(self.locks.awaited(by: 1) == nil)
        #expect(self.acquire(2, for: 3) == .held)
        #expect(!self.locks.isWaiting(3))
    }

    @Test mutating func aReleasedLockGoesToWhoHasWaitedLongest() {
        _ = self.acquire(1, for: 1)
        _ = self.acquire(1, for: 2)
        _ = self.acquire(1, for: 3)
        #expect(self.locks.release(1) == [2])
        #expect(!self.locks.isWaiting(2))
        #expect(self.locks.isWaiting(3))
        #expect(self.acquire(1, for: 2) == .held)
        #expect(self.locks.release(2) == [3])
        #expect(self.locks.release(3) == [])
        #expect(self.locks.isEmpty)
    }

    @Test mutating func allLocksOfAnOwnerAreReleased() {
        for row: Int64 in 1...3 { _ = self.acquire(row, for: 1) }
        _ = self.acquire(3, for: 2)
        _ = self.acquire(1, for: 3)
        #expect(self.locks.release(1) == [3, 2])
        #expect(self.acquire(2, for: 4) == .held)
    }

    @Test mutating func whoEndsWhileItWaitsLeavesTheQueue() {
        _ = self.acquire(1, for: 1)
        _ = self.acquire(2, for: 2)
        _ = self.acquire(1, for: 2)
        _ = self.acquire(1, for: 3)
        #expect(self.locks.release(2) == [2])
        #expect(!self.locks.isWaiting(2))
        #expect(self.acquire(2, for: 4) == .held)
        #expect(self.locks.release(1) == [3])
    }

    @Test mutating func whoClosesACycleIsTold() {
        for owner: RowLocks.Owner in 1...3 { _ = self.acquire(Int64(owner), for: owner) }
        #expect(self.acquire(2, for: 1) == .waits)
        #expect(self.acquire(3, for: 2) == .waits)
        #expect(self.acquire(1, for: 3) == .deadlock)
        // Who was told waits for nothing, and lets the others go on when it ends.
        #expect(!self.locks.isWaiting(3))
        #expect(self.locks.release(3) == [2])
        #expect(self.locks.release(2) == [1])
        #expect(self.locks.release(1) == [])
        #expect(self.locks.isEmpty)
    }

    @Test mutating func aCycleThroughAnInheritedLockIsFound() {
        _ = self.acquire(1, for: 1)
        _ = self.acquire(2, for: 2)
        _ = self.acquire(1, for: 2)
        _ = self.acquire(1, for: 3)
        // 2 holds both now, and 3 waits for it.
        #expect(self.locks.release(1) == [2])
        _ = self.acquire(3, for: 3)
        #expect(self.acquire(3, for: 2) == .deadlock)
    }

    @Test mutating func severalWaitersForOneHolderAreNoCycle() {
        _ = self.acquire(1, for: 1)
        _ = self.acquire(2, for: 2)
        #expect(self.acquire(1, for: 2) == .waits)
        #expect(self.acquire(1, for: 3) == .waits)
        #expect(self.acquire(2, for: 4) == .waits)
        #expect(self.acquire(3, for: 1) == .held)
    }

    @Test mutating func kindsOfLocksDoNotMeet() throws {
        let value = UniqueValue(table: "t", key: "k", value: .int(1))
        let event = try InboxKey(EventIdentity(source: "t", id: "1"), by: "c")
        #expect(self.acquire(1, for: 1) == .held)
        #expect(self.locks.acquire(.value(value), for: 2) == .held)
        #expect(self.locks.acquire(.handled(event), for: 3) == .held)
    }
}
