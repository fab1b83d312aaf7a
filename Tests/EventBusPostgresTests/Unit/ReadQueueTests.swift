// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusPostgres

@Suite struct ReadQueueTests {
    private static let failure = ServerFailure(state: .divisionByZero)
    private var queue = ReadQueue<Int>()

    private static func read(_ waiter: Int) -> ReadQueue<Int>.Read {
        .init(statement: Statement("SELECT"), waiter: waiter)
    }

    private static func results(_ count: Int) -> SegmentOutcome {
        .completed((0..<count).map { StatementResult(command: "SELECT", affected: $0, rows: Rows(columnCount: 1)) })
    }

    private mutating func enter(_ waiters: Range<Int>) -> [ReadQueue<Int>.Entry] {
        waiters.map { self.queue.enter(Self.read($0), isOnIOThread: false) }
    }

    /// Returns the batch of the next turn.
    private mutating func batch(of waiters: Range<Int>) -> [ReadQueue<Int>.Read] {
        for waiter in waiters { #expect(self.queue.enter(Self.read(waiter), isOnIOThread: true) == .wait) }
        return self.queue.endTurn()
    }

    @Test mutating func readsWaitWhileABatchIsInFlight() {
        #expect(self.enter(0..<3) == [.send, .wait, .wait])
        #expect(self.queue.endTurn().isEmpty)
        #expect(self.queue.complete([Self.read(0)], Self.results(1)).map(\.0) == [0])
        #expect(self.queue.endTurn().map(\.waiter) == [1, 2])
    }

    @Test mutating func readsWaitForTheEndOfATurnThatHasAnsweredABatch() {
        #expect(self.enter(0..<1) == [.send])
        _ = self.queue.complete([Self.read(0)], Self.results(1))
        #expect(self.enter(1..<3) == [.wait, .wait])
        let batch = self.queue.endTurn()
        #expect(batch.map(\.waiter) == [1, 2])
        _ = self.queue.complete(batch, Self.results(2))
        #expect(self.queue.endTurn().isEmpty)
        #expect(self.enter(3..<4) == [.send])
    }

    @Test mutating func readsOfTasksOnTheIOThreadWaitForTheEndOfItsTurn() {
        #expect(self.batch(of: 0..<2).map(\.waiter) == [0, 1])
        #expect(self.queue.endTurn().isEmpty)
    }

    @Test mutating func aBatchIsLimited() {
        let batch = self.batch(of: 0..<100)
        #expect(batch.map(\.waiter) == Array(0..<64))
        #expect(self.queue.endTurn().isEmpty)
        _ = self.queue.complete(batch, Self.results(64))
        #expect(self.queue.endTurn().map(\.waiter) == Array(64..<100))
    }

    @Test mutating func eachReadGetsItsOwnResult() {
        let answers: [Int] = self.queue.complete((0..<3).map(Self.read), Self.results(3)).map { _, outcome in
            guard case .completed(let results) = outcome, results.count == 1 else { return -1 }
            return results[0].affected
        }
        #expect(answers == [0, 1, 2])
    }

    @Test mutating func onlyTheFailedReadOfABatchFailsAndTheOthersComeFirst() {
        let batch = self.batch(of: 0..<3)
        #expect(self.enter(3..<4) == [.wait])
        let answers = self.queue.complete(batch, .failed(Self.failure, at: 1))
        #expect(answers.map(\.0) == [1])
        #expect(self.queue.endTurn().map(\.waiter) == [0, 2, 3])
    }

    @Test mutating func aLostConnectionFailsTheWholeBatchAndTakesNothingMore() {
        let batch = self.batch(of: 0..<2)
        #expect(self.enter(2..<3) == [.wait])
        #expect(self.queue.complete(batch, .lost(.silent)).map(\.0) == [0, 1])
        #expect(self.queue.close(.noAnswer).map(\.waiter) == [2])
        #expect(self.enter(3..<4) == [.refused(.noAnswer)])
        #expect(self.queue.enter(Self.read(4), isOnIOThread: true) == .refused(.noAnswer))
        #expect(self.queue.endTurn().isEmpty)
    }

    @Test(arguments: [(1, SessionLoss.reported(failure)), (2, .silent)])
    mutating func theErrorOfALostBatchIsNobodysUnlessOneIsAlone(count: Int, expected: SessionLoss) {
        for (_, outcome) in self.queue.complete(self.batch(of: 0..<count), .lost(.reported(Self.failure))) {
            guard case .lost(let loss) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            #expect(loss == expected)
        }
    }

    @Test mutating func afterABatchThatCouldNotBeSentTheNextOneIsTriedAgain() {
        #expect(self.enter(0..<1) == [.send])
        self.queue.didNotSend()
        #expect(self.enter(1..<2) == [.send])
    }
}
