// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusPostgres

@Suite struct PoolStateTests {
    private let start = ContinuousClock.now
    private var pool = PoolState(limits: PoolState.Limits(maximumConnections: 2, waitTimeout: .seconds(5)))

    private mutating func request(
        _ use: PoolState.Use,
        byHolder: Bool = false,
        after seconds: Int = 0
    ) -> [PoolState.Action] {
        self.pool.request(use, byHolder: byHolder, now: self.start + .seconds(seconds)).1
    }

    private mutating func opened(_ id: Int) {
        _ = self.pool.opened(id, now: self.start)
    }

    @Test mutating func theFirstCallerOpensAConnectionAndGetsIt() {
        #expect(self.request(.shared) == [.open(0)])
        #expect(self.pool.opened(0, now: self.start) == [.deliver(0, 0)])
    }

    @Test mutating func sharedCallersQueueOnlyWhenNoOtherConnectionMayBeOpened() {
        _ = self.request(.shared)
        #expect(self.pool.opened(0, now: self.start) == [.deliver(0, 0)])
        // The statement before it may be waiting for a row.
        #expect(self.request(.shared) == [.open(1)])
        // Both connections of this pool exist, so the next caller queues, and so does the one that has waited.
        #expect(self.request(.shared) == [.deliver(1, 0), .deliver(2, 0)])
        self.opened(1)
        // The less busy connection is preferred.
        #expect(self.request(.shared) == [.deliver(3, 1)])
    }

    @Test mutating func anExclusiveCallerIsAloneOnItsConnection() {
        _ = self.request(.exclusive)
        #expect(self.pool.opened(0, now: self.start) == [.deliver(0, 0)])
        #expect(self.request(.shared) == [.open(1)])
        #expect(self.pool.opened(1, now: self.start) == [.deliver(1, 1)])
        #expect(self.request(.shared) == [.deliver(2, 1)])
        #expect(self.pool.release(0, .exclusive, isReusable: true, now: self.start) == [])
        #expect(self.request(.shared) == [.deliver(3, 0)])
    }

    @Test mutating func anExclusiveCallerBeginsWhenWhatOthersHaveToSendIsAnswered() {
        self.pool = PoolState(limits: PoolState.Limits(maximumConnections: 1, waitTimeout: .seconds(5)))
        _ = self.request(.shared)
        #expect(self.pool.opened(0, now: self.start) == [.deliver(0, 0)])
        #expect(self.request(.shared) == [.deliver(1, 0)])
        // The segment of a caller that has got the connection may not have been sent: it would become a part of the transaction.
        #expect(self.request(.exclusive) == [])
        // Nobody gets ahead of the transaction for ever.
        #expect(self.request(.shared) == [])
        let (taken, isBack) = (self.pool.take(.shared), self.pool.putBack(0, .shared))
        #expect(taken == nil && !isBack)
        #expect(self.pool.release(0, .shared, isReusable: true, now: self.start) == [])
        #expect(self.pool.release(0, .shared, isReusable: true, now: self.start) == [.deliver(2, 0)])
        #expect(self.pool.release(0, .exclusive, isReusable: true, now: self.start) == [.deliver(3, 0)])
    }

    @Test mutating func anExclusiveCallerTakesWhicheverConnectionIsIdleFirst() {
        _ = self.request(.shared)
        self.opened(0)
        _ = self.request(.shared)
        #expect(self.pool.opened(1, now: self.start) == [.deliver(1, 1)])
        #expect(self.request(.exclusive) == [])
        #expect(self.pool.release(1, .shared, isReusable: true, now: self.start) == [.deliver(2, 1)])
        #expect(self.request(.shared) == [.deliver(3, 0)])
    }

    @Test mutating func aCancelledExclusiveCallerKeepsNobodyWaiting() {
        self.pool = PoolState(limits: PoolState.Limits(maximumConnections: 1, waitTimeout: .seconds(5)))
        _ = self.request(.shared)
        self.opened(0)
        #expect(self.request(.exclusive) == [])
        #expect(self.request(.shared) == [])
        #expect(self.pool.cancel(1) == [.fail(1, .cancelled), .deliver(2, 0)])
    }

    @Test mutating func oneConnectionIsKeptForWhatExclusiveCallersNeedBeside() {
        _ = self.request(.exclusive)
        self.opened(0)
        // A second one would leave none for the first one's read.
        #expect(self.request(.exclusive) == [])
        #expect(self.request(.shared, byHolder: true) == [.open(1)])
        #expect(self.pool.opened(1, now: self.start) == [.deliver(2, 1)])
        #expect(self.pool.release(1, .shared, isReusable: true, now: self.start) == [])
        #expect(self.pool.release(0, .exclusive, isReusable: true, now: self.start) == [.deliver(1, 0)])
    }

    @Test mutating func aHolderThatWouldWaitForOtherHoldersFailsAtOnce() {
        _ = self.request(.exclusive)
        self.opened(0)
        #expect(self.request(.exclusive, byHolder: true) == [.fail(1, .allHeld)])
        self.pool = PoolState(limits: PoolState.Limits(maximumConnections: 1, waitTimeout: .seconds(5)))
        _ = self.request(.exclusive)
        self.opened(0)
        #expect(self.request(.shared, byHolder: true) == [.fail(1, .allHeld)])
        // Whoever holds nothing can wait.
        #expect(self.request(.shared) == [])
        #expect(self.pool.release(0, .exclusive, isReusable: true, now: self.start) == [.deliver(2, 0)])
    }

    @Test mutating func aConnectionThatCannotBeReusedIsClosedAndReplaced() {
        _ = self.request(.exclusive)
        self.opened(0)
        #expect(self.pool.release(0, .exclusive, isReusable: false, now: self.start) == [.close(0)])
        #expect(self.request(.shared) == [.open(1)])
        #expect(self.pool.closed(0, now: self.start, jitter: 1) == [])
        #expect(self.pool.opened(1, now: self.start) == [.deliver(1, 1)])
    }

    @Test mutating func aRequestThatWaitsTooLongFails() {
        _ = self.request(.exclusive)
        self.opened(0)
        #expect(self.request(.exclusive, after: 1) == [])
        #expect(self.pool.deadline == self.start + .seconds(6))
        #expect(self.pool.tick(now: self.start + .seconds(5)) == [])
        #expect(self.pool.tick(now: self.start + .seconds(6)) == [.fail(1, .waitTimedOut)])
    }

    @Test mutating func aRequestThatWaitsTooLongForTheServerSaysSo() {
        _ = self.request(.shared)
        #expect(self.pool.tick(now: self.start + .seconds(5)) == [.fail(0, .unavailable)])
    }

    @Test mutating func aCancelledRequestFailsOnce() {
        _ = self.request(.shared)
        #expect(self.pool.cancel(0) == [.fail(0, .cancelled)])
        #expect(self.pool.cancel(0) == [])
        #expect(self.pool.opened(0, now: self.start) == [])
    }

    @Test mutating func duringAnOutageCallersFailAtOnceAndRetriesBackOff() {
        _ = self.request(.shared)
        #expect(self.pool.closed(0, now: self.start, jitter: 1) == [.fail(0, .unavailable)])
        #expect(self.pool.isDown)
        #expect(self.request(.shared) == [.fail(1, .unavailable)])
        var now = self.start
        var pauses: [Duration] = []
        for id in 1...8 {
            guard let deadline = self.pool.deadline else { break }
            pauses.append(now.duration(to: deadline))
            now = deadline
            #expect(self.pool.tick(now: now) == [.open(id)])
            #expect(self.pool.tick(now: now) == [])
            // Callers do not wait for an attempt to connect either.
            #expect(self.pool.request(.shared, now: now).1.count == 1)
            #expect(self.pool.closed(id, now: now, jitter: 1) == [])
        }
        #expect(pauses == [100, 200, 400, 800, 1600, 3200, 5000, 5000].map { .milliseconds($0) })
        guard let deadline = self.pool.deadline else { return }
        _ = self.pool.tick(now: deadline)
        _ = self.pool.opened(9, now: deadline)
        #expect(!self.pool.isDown)
        #expect(self.pool.request(.shared, now: deadline).1.count == 1)
    }

    @Test mutating func jitterShortensAPauseByUpToHalf() {
        _ = self.request(.shared)
        _ = self.pool.closed(0, now: self.start, jitter: 0)
        #expect(self.pool.deadline == self.start + .milliseconds(50))
    }

    @Test mutating func aServerThatAcceptsNoMoreSessionsServesOnTheExistingOnes() {
        _ = self.request(.exclusive)
        self.opened(0)
        #expect(self.request(.shared) == [.open(1)])
        #expect(self.pool.closed(1, now: self.start, jitter: 1) == [])
        #expect(!self.pool.isDown)
        #expect(self.pool.release(0, .exclusive, isReusable: true, now: self.start) == [.deliver(1, 0)])
    }

    @Test mutating func aConnectionThatEndsWhileIdleIsReplacedAtOnce() {
        _ = self.request(.shared)
        self.opened(0)
        _ = self.pool.release(0, .shared, isReusable: true, now: self.start)
        #expect(self.pool.closed(0, now: self.start, jitter: 1) == [.open(1)])
        #expect(self.request(.shared) == [])
        self.opened(1)
        #expect(self.pool.isUp)
    }

    @Test mutating func shutdownWaitsForLeasedConnectionsAndRejectsRequests() {
        _ = self.request(.exclusive)
        self.opened(0)
        _ = self.request(.shared)
        self.opened(1)
        _ = self.request(.exclusive)
        #expect(self.pool.shutDown() == [.fail(2, .closed)])
        #expect(self.request(.shared) == [.fail(3, .closed)])
        #expect(self.pool.release(0, .exclusive, isReusable: true, now: self.start) == [.close(0)])
        #expect(self.pool.closed(0, now: self.start, jitter: 1) == [])
        #expect(self.pool.closeAll() == [.close(1)])
        #expect(self.pool.closed(1, now: self.start, jitter: 1) == [.finished])
    }

    @Test mutating func shutdownWithoutConnectionsIsFinishedAtOnce() {
        #expect(self.pool.shutDown() == [.finished])
        #expect(self.pool.shutDown() == [])
    }

    /// Begins with a number of connections that are idle.
    private mutating func open(_ count: Int) {
        self.pool = PoolState(limits: PoolState.Limits(maximumConnections: count, waitTimeout: .seconds(5)))
        for _ in 0..<count { _ = self.request(.shared) }
        // The first one serves all.
        for id in 0..<count { self.opened(id) }
        for _ in 0..<count { _ = self.pool.putBack(0, .shared) }
    }

    private mutating func take(_ use: PoolState.Use, _ count: Int = 1) -> [Int?] {
        var ids: [Int?] = []
        for _ in 0..<count { ids.append(self.pool.take(use)) }
        return ids
    }

    @Test mutating func insertsGatherOnTwoConnectionsUntilTheseAreFull() {
        self.open(4)
        let ids = self.take(.together, 34)
        #expect(ids[0..<4] == [0, 1, 0, 1])
        #expect(ids[0..<32].allSatisfy { $0 == 0 || $0 == 1 })
        #expect(ids[32...] == [2, 2])
        // Reads go where nothing is under way.
        let reader = self.take(.shared)
        #expect(reader == [3])
    }

    @Test mutating func insertsDoNotComeBehindOtherStatementsWhileAConnectionIsIdle() {
        self.open(3)
        let first = self.take(.shared) + self.take(.together, 6)
        #expect(first == [0, 1, 2, 1, 2, 1, 2])
        // With one commit under way, the next one begins elsewhere.
        for _ in 0..<3 { _ = self.pool.putBack(1, .together) }
        let next = self.take(.together)
        #expect(next == [1])
    }

    @Test mutating func insertsSpreadWhileTheirCommitsFail() {
        self.open(4)
        for _ in 0..<4 { self.pool.sharedCommitFailed() }
        let spread = self.take(.together, 4)
        #expect(spread == [0, 1, 2, 3])
        for id in 0..<4 { _ = self.pool.putBack(id, .together) }
        let gathered = self.take(.together, 4)
        #expect(gathered == [0, 1, 0, 1])
    }

    @Test mutating func insertsRespectTransactionsThatWaitForAConnection() {
        self.open(2)
        _ = self.take(.together, 4)
        let transaction = self.request(.exclusive)
        #expect(transaction == [])
        // One of the two is reserved, and nobody gets ahead of the transaction for ever.
        let next = self.take(.together)
        #expect(next == [nil])
    }

    @Test mutating func insertsDoNotGatherAheadOfATransactionWhileAConnectionIsBeingOpened() {
        self.pool = PoolState(limits: PoolState.Limits(maximumConnections: 4, waitTimeout: .seconds(5)))
        for _ in 0..<2 { _ = self.request(.shared) }
        for id in 0..<2 { self.opened(id) }
        for id in 0..<2 { _ = self.pool.putBack(id, .shared) }
        let inserts = self.take(.together, 2)
        #expect(inserts == [0, 1])
        let transaction = self.request(.exclusive)
        #expect(transaction == [.open(2)])
        let next = self.request(.together)
        #expect(next == [.open(3)])
    }
}
