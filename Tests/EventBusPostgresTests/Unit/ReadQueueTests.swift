// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusPostgres

@Suite struct ReadQueueTests {
    private static let result = StatementResult(command: "SELECT", affected: 1, rows: Rows(columnCount: 1))
    private var queue = ReadQueue<Int>()

    private mutating func append(_ waiters: Range<Int>) {
        for waiter in waiters { self.queue.append(.init(statement: Statement("SELECT"), waiter: waiter)) }
    }

    private mutating func sendBatch() -> [ReadQueue<Int>.Read] {
        let batch = self.queue.nextBatch
        self.queue.didSend(fromQueue: batch.count)
        return batch
    }

    @Test mutating func readsWaitWhileABatchIsInFlight() {
        self.append(0..<1)
        let first = self.sendBatch()
        self.append(1..<3)
        #expect(self.queue.nextBatch.isEmpty)
        let answers = self.queue.complete(first, .completed([Self.result]))
        #expect(answers.map(\.0) == [0])
        #expect(self.queue.nextBatch.map(\.waiter) == [1, 2])
    }

    @Test mutating func aBatchIsLimited() {
        self.append(0..<100)
        #expect(self.sendBatch().count == 64)
        #expect(self.queue.removeAll().map(\.waiter) == Array(64..<100))
    }

    @Test mutating func onlyTheFailedReadOfABatchFailsAndTheOthersComeFirst() {
        self.append(0..<3)
        let batch = self.sendBatch()
        self.append(3..<4)
        let answers = self.queue.complete(batch, .failed(ServerFailure(state: .divisionByZero), at: 1))
        #expect(answers.map(\.0) == [1])
        #expect(self.queue.nextBatch.map(\.waiter) == [0, 2, 3])
    }

    @Test mutating func aLostConnectionFailsTheWholeBatch() {
        self.append(0..<2)
        let batch = self.sendBatch()
        #expect(self.queue.complete(batch, .lost(.silent)).map(\.0) == [0, 1])
        #expect(self.queue.nextBatch.isEmpty)
    }
}
