// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusPostgres

@Suite struct PoolGatheringTests {
    private let start = ContinuousClock.now
    private var pool = PoolState(limits: PoolState.Limits(maximumConnections: 4, waitTimeout: .seconds(5)))

    /// Begins with a number of connections that are idle.
    private mutating func open(_ count: Int) {
        self.pool = PoolState(limits: PoolState.Limits(maximumConnections: count, waitTimeout: .seconds(5)))
        for _ in 0..<count { _ = self.request(.shared) }
        // The first one serves all.
        for id in 0..<count { self.opened(id) }
        for _ in 0..<count { _ = self.pool.putBack(0, .shared) }
    }

    private mutating func request(_ use: PoolState.Use) -> [PoolState.Action] {
        self.pool.request(use, now: self.start).1
    }

    private mutating func opened(_ id: Int) { _ = self.pool.opened(id, now: self.start) }

    private mutating func take(_ use: PoolState.Use, _ count: Int = 1) -> [Int?] {
        var ids: [Int?] = []
        for _ in 0..<count { ids.append(self.pool.take(use)) }
        return ids
    }

    @Test mutating func insertsGatherOnTwoConnectionsUntilTheseAreFull() {
        self.open(4)
        let ids = self.take(.inserts, 34)
        #expect(ids[0..<4] == [0, 1, 0, 1])
        #expect(ids[0..<32].allSatisfy { $0 == 0 || $0 == 1 })
        #expect(ids[32...] == [2, 2])
        // Reads go where nothing is under way.
        let reader = self.take(.shared)
        #expect(reader == [3])
    }

    @Test mutating func insertsDoNotComeBehindOtherStatementsWhileAConnectionIsIdle() {
        self.open(3)
        let first = self.take(.shared) + self.take(.inserts, 6)
        #expect(first == [0, 1, 2, 1, 2, 1, 2])
        // With one commit under way, the next one begins elsewhere.
        for _ in 0..<3 { _ = self.pool.putBack(1, .inserts) }
        let next = self.take(.inserts)
        #expect(next == [1])
    }

    @Test mutating func insertsSpreadWhileTheirCommitsFail() {
        self.open(4)
        for _ in 0..<4 { self.pool.sharedCommitFailed() }
        let spread = self.take(.inserts, 4)
        #expect(spread == [0, 1, 2, 3])
        for id in 0..<4 { _ = self.pool.putBack(id, .inserts) }
        let gathered = self.take(.inserts, 4)
        #expect(gathered == [0, 1, 0, 1])
    }

    @Test mutating func insertsRespectTransactionsThatWaitForAConnection() {
        self.open(2)
        _ = self.take(.inserts, 4)
        let transaction = self.request(.exclusive)
        #expect(transaction == [])
        // One of the two is reserved, and nobody gets ahead of the transaction for ever.
        let next = self.take(.inserts)
        #expect(next == [nil])
    }

    @Test mutating func insertsDoNotGatherAheadOfATransactionWhileAConnectionIsBeingOpened() {
        for _ in 0..<2 { _ = self.request(.shared) }
        for id in 0..<2 { self.opened(id) }
        for id in 0..<2 { _ = self.pool.putBack(id, .shared) }
        let inserts = self.take(.inserts, 2)
        #expect(inserts == [0, 1])
        let transaction = self.request(.exclusive)
        #expect(transaction == [.open(2)])
        let next = self.request(.inserts)
        #expect(next == [.open(3)])
    }

    @Test mutating func manyReadsGatherOnFewConnections() {
        self.open(4)
        let few = self.take(.reads, 16)
        #expect(few == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3])
        let many = self.take(.reads, 28)
        #expect(many.allSatisfy { $0 == 0 })
        let further = self.take(.reads)
        #expect(further == [1])
        // Whoever returns goes where the most are.
        for _ in 0..<4 { _ = self.pool.putBack(3, .reads) }
        let next = self.take(.reads, 4)
        #expect(next == [1, 1, 1, 1])
        let statement = self.take(.shared)
        #expect(statement == [3])
    }

    @Test mutating func readsDoNotGatherBehindOtherStatements() {
        self.open(2)
        _ = self.take(.reads, 16) + self.take(.shared)
        let next = self.take(.reads)
        #expect(next == [1])
    }

    @Test mutating func readsThatAConnectionTakesWithItAreNotCountedOn() {
        self.open(2)
        _ = self.take(.reads, 16)
        _ = self.pool.closed(0, now: self.start, jitter: 0)
        let another = self.request(.shared)
        #expect(another == [.open(2)])
        self.opened(2)
        let next = self.take(.reads)
        #expect(next == [2])
    }
}
