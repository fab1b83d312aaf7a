// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

private let limitLocks = SQL("SELECT set_config('lock_timeout', '50ms', true)")
private let limitAll = SQL(
    "SELECT set_config('lock_timeout', '50ms', true), set_config('statement_timeout', '250ms', true)"
)

/// The callers of a connection whose statements share a Sync, and therefore an implicit transaction: a pure state machine.
///
/// Callers that arrive while a batch is in flight wait, and are sent together when it has been answered: not by the first one
/// that returns, who would be alone, but by the last one. Should that one be late, the I/O thread sends them.
struct SharedQueue<Waiter: Sendable>: Sendable {
    enum Kind: Sendable {
        /// Statements that change nothing, one for each caller.
        case reads
        /// Transactions that only insert, so that they hardly ever wait for another one. A commit costs the server as much as the
        /// inserts before it. When a batch fails, or would wait for a row, the transaction that caused it runs alone.
        case inserts

        /// The maximum number of callers in a batch, so that the first one is not answered late.
        var batchLimit: Int {
            switch self {
            case .reads: 64
            case .inserts: PoolState.Limits.insertsPerCommit
            }
        }

        /// What precedes the statements of a batch.
        ///
        /// A transaction that waits for a row, or is slow, must not delay the others. And batches insert in the order of arrival, so that
        /// two of them can wait for each other although no two of their transactions would.
        func prefix(of count: Int) -> [Statement] {
            self == .inserts ? [Statement(count > 1 ? limitAll : limitLocks)] : []
        }
    }

    struct Item: Sendable {
        let statements: [Statement]
        let waiter: Waiter
    }

    enum Entry: Sendable, Equatable {
        /// The caller has to send its item.
        case send
        /// Another caller sends the item, or the I/O thread.
        case wait
        /// The session has ended.
        case refused(SessionLoss)
    }

    let kind: Kind
    private var waiting: Deque<Item> = []
    /// Whether a batch has been sent and not been answered.
    private var isBatchInFlight = false
    /// While callers whose batch has been answered have not all returned: until when the next batch waits for them.
    private(set) var deadline: ContinuousClock.Instant?
    private var loss: SessionLoss?

    init(_ kind: Kind) { self.kind = kind }

    /// - Parameter isOnIOThread: the caller runs on the I/O thread, so that the end of a turn follows.
    mutating func enter(_ item: Item, isOnIOThread: Bool) -> Entry {
        if let loss = self.loss { return .refused(loss) }
        guard self.isBatchInFlight || self.deadline != nil || isOnIOThread else {
            self.isBatchInFlight = true
            return .send
        }
        self.waiting.append(item)
        return .wait
    }

    /// Returns the batch that the I/O thread has to send at the end of its turn.
    mutating func endTurn(now: ContinuousClock.Instant) -> [Item] {
        if let deadline = self.deadline, now < deadline { return [] }
        return self.nextBatch()
    }

    /// The last caller of a batch has its answer; returns the batch that it has to send.
    ///
    /// If it runs on the I/O thread, those of its turn have not all run: the thread sends at its end.
    mutating func lastHasReturned(isOnIOThread: Bool) -> [Item] {
        self.deadline = nil
        return isOnIOThread ? [] : self.nextBatch()
    }

    private mutating func nextBatch() -> [Item] {
        self.deadline = nil
        guard !self.isBatchInFlight, !self.waiting.isEmpty else { return [] }
        let batch = Array(self.waiting.prefix(self.kind.batchLimit))
        self.waiting.removeFirst(batch.count)
        self.isBatchInFlight = true
        return batch
    }

    /// What is sent for a batch.
    static func statements(of batch: [Item], _ kind: Kind) -> [Statement] {
        var statements = kind.prefix(of: batch.count)
        statements.reserveCapacity(statements.count + batch.count)
        for index in batch.indices { statements += batch[index].statements }
        return statements
    }

    /// A batch could not be sent; its items are none of the queue's any longer.
    mutating func didNotSend() { self.isBatchInFlight = false }

    /// Returns the answers of a batch; items without an answer return to the queue.
    mutating func complete(
        _ batch: [Item],
        _ outcome: SegmentOutcome,
        now: ContinuousClock.Instant
    ) -> [(Waiter, SegmentOutcome)] {
        self.isBatchInFlight = false
        self.deadline = now + .milliseconds(1)
        return self.answers(batch, outcome)
    }

    private mutating func answers(_ batch: [Item], _ outcome: SegmentOutcome) -> [(Waiter, SegmentOutcome)] {
        switch outcome {
        case .completed(let results): return self.answers(of: batch, results)
        case .failed(let failure, let index): return self.split(batch, failure, at: index)
        case .lost(.reported(let failure)) where self.mayBeOfOthers(failure, batch):
            return batch.map { ($0.waiter, .lost(.silent)) }
        case .lost, .notSent: return batch.map { ($0.waiter, outcome) }
        }
    }

    /// Whether an error that was reported before the session was lost may not be that of each item.
    private func mayBeOfOthers(_ failure: ServerFailure, _ batch: [Item]) -> Bool {
        if self.kind == .inserts, Self.isOfLimits(failure) { return true }
        return batch.count > 1 && !failure.state.saysUnavailable
    }

    /// Whether it may be due to the limit for locks, or to transactions that others share.
    private static func isOfLimits(_ failure: ServerFailure) -> Bool {
        failure.state == .lockNotAvailable || failure.state.isContention
    }

    private func answers(of batch: [Item], _ results: [StatementResult]) -> [(Waiter, SegmentOutcome)] {
        var answers: [(Waiter, SegmentOutcome)] = []
        answers.reserveCapacity(batch.count)
        self.forEach(of: batch) { index, places in
            answers.append((batch[index].waiter, .completed(Array(results[places]))))
        }
        return answers
    }

    /// Calls `body` with the index of each item of a batch and the places of its statements in what is sent.
    private func forEach(of batch: [Item], _ body: (Int, Range<Int>) -> Void) {
        var next = self.kind.prefix(of: batch.count).count
        for index in batch.indices {
            let places = next..<(next + batch[index].statements.count)
            body(index, places)
            next = places.upperBound
        }
    }

    /// The server has rolled the batch back, and has skipped everything after the failed statement.
    private mutating func split(
        _ batch: [Item],
        _ failure: ServerFailure,
        at index: Int
    ) -> [(Waiter, SegmentOutcome)] {
        let start = self.kind.prefix(of: batch.count).count
        if self.kind == .inserts, batch.count > 1 || index < start || Self.isOfLimits(failure) {
            return self.runAgain(batch, failure, at: index)
        }
        let failed = self.kind == .reads ? min(index, batch.count - 1) : 0
        self.waiting.insert(contentsOf: batch[..<failed] + batch[(failed + 1)...], at: 0)
        return [(batch[failed].waiter, .failed(failure, at: index - start - failed))]
    }

    /// Takes back a batch of transactions, except for the one whose statement has failed: that may be the fault of others of the batch.
    ///
    /// If it was the commit, it may be any of them.
    private mutating func runAgain(
        _ batch: [Item],
        _ failure: ServerFailure,
        at index: Int
    ) -> [(Waiter, SegmentOutcome)] {
        var (others, failed): ([Item], [Item]) = ([], [])
        self.forEach(of: batch) { item, places in
            if places ~= index { failed.append(batch[item]) } else { others.append(batch[item]) }
        }
        if failed.isEmpty { swap(&others, &failed) }
        self.waiting.insert(contentsOf: others, at: 0)
        var failure = failure
        failure.isShared = true
        return failed.map { ($0.waiter, .failed(failure, at: 0)) }
    }

    /// Takes no further items, and returns those that have not been sent.
    mutating func close(_ loss: SessionLoss) -> [Item] {
        self.loss = loss
        defer { self.waiting = [] }
        return Array(self.waiting)
    }
}
