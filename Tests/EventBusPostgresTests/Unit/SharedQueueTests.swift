// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusPostgres

@Suite struct SharedQueueTests {
    private static let taken = ServerFailure(state: .uniqueViolation)
    private var queue = SharedQueue<Int>(.reads)

    private static func item(_ waiter: Int, statements: Int = 1) -> SharedQueue<Int>.Item {
        .init(statements: (0..<statements).map { _ in Statement("SELECT") }, waiter: waiter)
    }

    private static func results(_ count: Int) -> SegmentOutcome {
        .completed(
            (0..<count).map { StatementResult(hasCommitted: false, affected: $0, rows: Rows(columnCount: 1)) }[...]
        )
    }

    private static func failedStatement(_ outcome: SegmentOutcome) -> Int? {
        guard case .failed(_, let index) = outcome else { return nil }
        return index
    }

    private let start = ContinuousClock.now

    /// A batch is answered, and its last caller has its answer.
    private mutating func complete(
        _ batch: [SharedQueue<Int>.Item],
        _ outcome: SegmentOutcome
    ) -> [(Int, SegmentOutcome)] {
        let answers = self.answer(batch, outcome)
        #expect(self.queue.lastHasReturned(isOnIOThread: true).isEmpty)
        return answers
    }

    private mutating func answer(
        _ batch: [SharedQueue<Int>.Item],
        _ outcome: SegmentOutcome,
        after milliseconds: Int = 0
    ) -> [(Int, SegmentOutcome)] {
        let sent = SharedBatch(batch, of: self.queue.kind)
        return self.queue.complete(sent, outcome, now: self.start + .milliseconds(milliseconds))
    }

    private mutating func endTurn(after milliseconds: Int = 0) -> [SharedQueue<Int>.Item] {
        self.queue.endTurn(now: self.start + .milliseconds(milliseconds))
    }

    private mutating func enter(_ waiters: Range<Int>, statements: Int = 1) -> [SharedQueue<Int>.Entry] {
        waiters.map { self.queue.enter(Self.item($0, statements: statements), isOnIOThread: false) }
    }

    /// Returns the batch of the next turn.
    private mutating func batch(of waiters: Range<Int>, statements: Int = 1) -> [SharedQueue<Int>.Item] {
        for waiter in waiters {
            #expect(self.queue.enter(Self.item(waiter, statements: statements), isOnIOThread: true) == .wait)
        }
        return self.endTurn()
    }

    @Test mutating func itemsWaitWhileABatchIsInFlight() {
        #expect(self.enter(0..<3) == [.send, .wait, .wait])
        #expect(self.endTurn().isEmpty)
        #expect(self.complete([Self.item(0)], Self.results(1)).map(\.0) == [0])
        #expect(self.endTurn().map(\.waiter) == [1, 2])
    }

    @Test mutating func itemsWaitForTheLastCallerOfTheBatchBefore() {
        #expect(self.enter(0..<1) == [.send])
        _ = self.answer([Self.item(0)], Self.results(1))
        #expect(self.enter(1..<3) == [.wait, .wait])
        #expect(self.endTurn().isEmpty)
        let batch = self.queue.lastHasReturned(isOnIOThread: false)
        #expect(batch.map(\.waiter) == [1, 2])
        _ = self.answer(batch, Self.results(2))
        #expect(self.queue.lastHasReturned(isOnIOThread: false).isEmpty)
        #expect(self.endTurn().isEmpty)
        #expect(self.enter(3..<4) == [.send])
    }

    @Test mutating func itemsWaitForALateCallerForAMillisecond() {
        #expect(self.enter(0..<2) == [.send, .wait])
        _ = self.answer([Self.item(0)], Self.results(1))
        #expect(self.queue.deadline == self.start + .milliseconds(1))
        #expect(self.endTurn().isEmpty)
        let batch = self.endTurn(after: 1)
        #expect(batch.map(\.waiter) == [1])
        #expect(self.queue.deadline == nil)
        // When it comes at last, the next batch is in flight.
        #expect(self.enter(2..<3) == [.wait])
        #expect(self.queue.lastHasReturned(isOnIOThread: false).isEmpty)
    }

    @Test mutating func aLateCallerOfABatchDoesNotHoldUpTheSecondOneAfterIt() {
        #expect(self.enter(0..<2) == [.send, .wait])
        _ = self.answer([Self.item(0)], Self.results(1))
        let batch = self.endTurn(after: 1)
        _ = self.answer(batch, Self.results(1), after: 1)
        #expect(self.enter(2..<3) == [.wait])
        #expect(self.queue.lastHasReturned(isOnIOThread: false).map(\.waiter) == [2])
    }

    @Test mutating func itemsOfTasksOnTheIOThreadWaitForTheEndOfItsTurn() {
        #expect(self.batch(of: 0..<2).map(\.waiter) == [0, 1])
        #expect(self.endTurn().isEmpty)
    }

    @Test(arguments: [(SharedQueue<Int>.Kind.reads, 64), (.inserts, 16)])
    mutating func aBatchIsLimited(kind: SharedQueue<Int>.Kind, limit: Int) {
        self.queue = SharedQueue(kind)
        let batch = self.batch(of: 0..<100)
        #expect(batch.map(\.waiter) == Array(0..<limit))
        #expect(self.endTurn().isEmpty)
        _ = self.complete(batch, Self.results(SharedBatch(batch, of: kind).statements.count))
        #expect(self.endTurn().first?.waiter == limit)
    }

    @Test mutating func eachItemGetsTheResultsOfItsStatements() {
        self.queue = SharedQueue(.inserts)
        let batch = [Self.item(0, statements: 2), Self.item(1, statements: 1), Self.item(2, statements: 2)]
        // The first result is that of the limit for locks.
        let answers: [[Int]] = self.complete(batch, Self.results(6)).map { _, outcome in
            guard case .completed(let results) = outcome else { return [] }
            return results.map(\.affected)
        }
        #expect(answers == [[1, 2], [3], [4, 5]])
    }

    @Test func transactionsThatShareACommitLimitTheirLocks() {
        let counts = [SharedQueue<Int>.Kind.reads, .inserts].map { kind in
            SharedBatch((0..<2).map { Self.item($0) }, of: kind).statements.count
        }
        #expect(counts == [2, 3])
    }

    @Test mutating func onlyTheFailedReadOfABatchFailsAndTheOthersComeFirst() {
        let batch = self.batch(of: 0..<3)
        #expect(self.enter(3..<4) == [.wait])
        let answers = self.complete(batch, .failed(Self.taken, at: 1))
        #expect(answers.map(\.0) == [1])
        #expect(self.endTurn().map(\.waiter) == [0, 2, 3])
    }

    // MARK: Several keys, one statement

    private static let find = SQL("SELECT 1 key"), findAll = SQL("SELECT several keys")

    private static func lookup(_ waiter: Int, key: Int64) -> SharedQueue<Int>.Item {
        .init(statements: [Statement(Self.find, [.int8(key)], forSeveralKeys: Self.findAll)], waiter: waiter)
    }

    /// Rows with one column.
    private static func rows(_ keys: [Int64]) -> Rows {
        var rows = Rows(columnCount: 1)
        for key in keys {
            withUnsafeBytes(of: key.bigEndian) { rows.append($0) }
            rows.endRow()
        }
        return rows
    }

    private static func keys(_ answers: [(Int, SegmentOutcome)]) throws -> [[Int64]] {
        try answers.map { _, outcome in
            guard case .completed(let results) = outcome else { return [-1] }
            #expect(results.count == 1 && results.first?.affected == results.first?.rows.count)
            return try results.flatMap { try $0.rows.map { try $0.int8(0) } }
        }
    }

    @Test mutating func thoseWhoFindARowByItsKeyShareAStatementAndEachGetsItsOwn() throws {
        let batch = [5, 7, 6, 5].enumerated().map { Self.lookup($0, key: $1) } + [Self.item(4)]
        let sent = SharedBatch(batch, of: .reads)
        #expect(sent.statements.map(\.sql.text) == ["SELECT several keys", "SELECT"])
        #expect(sent.statements[0].parameters.map(\.size) == [4 * 16])
        let found = StatementResult(hasCommitted: false, affected: 2, rows: Self.rows([7, 5]))
        let other = StatementResult(hasCommitted: false, affected: 1, rows: Self.rows([9]))
        let answers = self.complete(batch, .completed([found, other]))
        #expect(answers.map(\.0) == Array(0...4))
        #expect(try Self.keys(answers) == [[5], [7], [], [5], [9]])
    }

    @Test func whoIsAloneWithAKeyOrFindsSomethingElseHasAStatementOfItsOwn() {
        let other = SQL("SELECT several others")
        let items = [
            Self.lookup(0, key: 1), Self.item(1),
            .init(statements: [Statement(Self.find, [.int8(1)], forSeveralKeys: other)], waiter: 2),
        ]
        #expect(
            SharedBatch(items, of: .reads).statements.map(\.sql.text) == ["SELECT 1 key", "SELECT", "SELECT 1 key"]
        )
    }

    @Test func aStatementHasTheKeysOfSixteen() {
        let batch = SharedBatch((0..<33).map { Self.lookup($0, key: Int64($0)) }, of: .reads)
        #expect(batch.statements.map { $0.parameters[0].size } == [16 * 16, 16 * 16, 16])
    }

    @Test mutating func whenTheirStatementFailsEachIsSentAgainByItself() {
        for key in 0..<3 { #expect(self.queue.enter(Self.lookup(key, key: Int64(key)), isOnIOThread: true) == .wait) }
        let answers = self.answer(self.endTurn(), .failed(Self.taken, at: 0))
        #expect(answers.isEmpty)
        // Nobody returns whom it would have to wait for.
        let again = self.endTurn()
        #expect(again.map(\.waiter) == [0, 1, 2])
        #expect(SharedBatch(again, of: .reads).statements.map(\.sql.text) == Array(repeating: "SELECT 1 key", count: 3))
        let failed = self.complete(again, .failed(Self.taken, at: 1))
        #expect(failed.map(\.0) == [1])
        #expect(failed.map { Self.failedStatement($0.1) } == [0])
    }

    @Test(arguments: [SQLState.queryCanceled, .lockNotAvailable])
    mutating func whenTheirStatementTakesTooLongAllOfThemFail(state: SQLState) {
        for key in 0..<3 { #expect(self.queue.enter(Self.lookup(key, key: Int64(key)), isOnIOThread: true) == .wait) }
        #expect(self.queue.enter(Self.item(3), isOnIOThread: true) == .wait)
        let failed = self.complete(self.endTurn(), .failed(ServerFailure(state: state), at: 0))
        #expect(failed.map(\.0) == [0, 1, 2])
        #expect(failed.map { Self.failedStatement($0.1) } == [0, 0, 0])
        #expect(self.endTurn().map(\.waiter) == [3])
    }

    @Test mutating func aKeyOfAnotherTypeThanItsColumnIsFoundOutWhenTheRowIsRead() throws {
        var rows = Rows(columnCount: 1)
        withUnsafeBytes(of: Int32(1).bigEndian) { rows.append($0) }
        rows.endRow()
        let found = StatementResult(hasCommitted: false, affected: 1, rows: rows)
        let answers = self.complete([Self.lookup(0, key: 1), Self.lookup(1, key: 2)], .completed([found]))
        #expect(throws: PostgresError.self) { try Self.keys(answers) }
    }

    /// Whether each is told that it failed in a commit that others shared.
    private static func areShared(_ answers: [(Int, SegmentOutcome)]) -> Bool {
        answers.allSatisfy { if case .failed(let failure, _) = $0.1 { failure.isShared } else { false } }
    }

    @Test mutating func aTransactionThatFailsABatchIsToRunByItselfAndTheOthersAreSentAgain() {
        self.queue = SharedQueue(.inserts)
        let batch = self.batch(of: 0..<4, statements: 2)
        #expect(self.enter(4..<5) == [.wait])
        // The second statement of the third transaction, behind the limit for locks.
        let answers = self.complete(batch, .failed(Self.taken, at: 6))
        #expect(answers.map(\.0) == [2] && Self.areShared(answers))
        #expect(self.endTurn().map(\.waiter) == [0, 1, 3, 4])
    }

    @Test mutating func afterAFailedCommitEachTransactionIsToRunByItself() {
        self.queue = SharedQueue(.inserts)
        let answers = self.complete(self.batch(of: 0..<3), .failed(Self.taken, at: 4))
        #expect(answers.map(\.0) == [0, 1, 2] && Self.areShared(answers))
        #expect(self.endTurn().isEmpty)
    }

    @Test(arguments: 0...2) mutating func aTransactionThatIsAloneFailsByItself(index: Int) {
        self.queue = SharedQueue(.inserts)
        let answers = self.complete(self.batch(of: 0..<1, statements: 2), .failed(Self.taken, at: index + 1))
        #expect(answers.map { Self.failedStatement($0.1) } == [index] && !Self.areShared(answers))
    }

    @Test(arguments: [
        (1, ServerFailure(state: .lockNotAvailable)), (1, ServerFailure(state: .deadlockDetected)), (0, taken),
    ])
    mutating func whoWaitsForARowIsToRunWithoutALimitForLocks(index: Int, failure: ServerFailure) {
        self.queue = SharedQueue(.inserts)
        let answers = self.complete(self.batch(of: 0..<1), .failed(failure, at: index))
        #expect(answers.map(\.0) == [0] && Self.areShared(answers))
    }

    @Test mutating func aLostConnectionFailsTheWholeBatchAndTakesNothingMore() {
        let batch = self.batch(of: 0..<2)
        #expect(self.enter(2..<3) == [.wait])
        #expect(self.complete(batch, .lost(.silent)).map(\.0) == [0, 1])
        #expect(self.queue.close(.noAnswer).map(\.waiter) == [2])
        #expect(self.enter(3..<4) == [.refused(.noAnswer)])
        #expect(self.queue.enter(Self.item(4), isOnIOThread: true) == .refused(.noAnswer))
        #expect(self.endTurn().isEmpty)
    }

    @Test(arguments: [(1, SessionLoss.reported(taken)), (2, .silent)])
    mutating func theErrorOfALostBatchIsNobodysUnlessOneIsAlone(count: Int, expected: SessionLoss) {
        for (_, outcome) in self.complete(self.batch(of: 0..<count), .lost(.reported(Self.taken))) {
            guard case .lost(let loss) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            #expect(loss == expected)
        }
    }

    @Test mutating func theLimitForLocksIsNobodysErrorWhenTheConnectionIsLost() {
        self.queue = SharedQueue(.inserts)
        let failure = ServerFailure(state: .lockNotAvailable)
        for (_, outcome) in self.complete(self.batch(of: 0..<1), .lost(.reported(failure))) {
            guard case .lost(.silent) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
        }
    }

    @Test func onlySmallTransactionsThatInsertShareACommit() throws {
        func write(bytes: Int = 10, updates: Bool = false) throws -> PostgresWrite {
            let text = try Parameter.text(String(repeating: "x", count: bytes))
            return PostgresWrite(Statement(SQL("INSERT"), [text]), table: "people", mustTouchRow: updates)
        }
        #expect(try [write(), write()].mayShareCommit)
        #expect(try ![write(), write(updates: true)].mayShareCommit)
        #expect(try ![write(), write(bytes: 17_000)].mayShareCommit)
        #expect(try !(0..<5).map { _ in try write() }.mayShareCommit)
    }

    @Test mutating func afterABatchThatCouldNotBeSentTheNextOneIsTriedAgain() {
        #expect(self.enter(0..<1) == [.send])
        self.queue.didNotSend()
        #expect(self.enter(1..<2) == [.send])
    }
}
