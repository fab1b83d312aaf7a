// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// The callers of a connection whose statements share a Sync, and therefore an implicit transaction: a pure state machine.
///
/// Callers that arrive while a batch is in flight wait, and are sent together when it has been answered: not by the first one
/// that returns, who would be alone, but by the last one. Should that one be late, the I/O thread sends them.
struct SharedQueue<Waiter: Sendable>: Sendable {
    typealias Kind = SharedBatch<Waiter>.Kind
    typealias Item = SharedBatch<Waiter>.Item

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

    /// A batch could not be sent; its items are none of the queue's any longer.
    mutating func didNotSend() { self.isBatchInFlight = false }

    /// Returns the answers of a batch; items without an answer return to the queue.
    mutating func complete(
        _ batch: SharedBatch<Waiter>,
        _ outcome: SegmentOutcome,
        now: ContinuousClock.Instant
    ) -> [(Waiter, SegmentOutcome)] {
        self.isBatchInFlight = false
        let answers = self.answers(batch, outcome)
        self.deadline = answers.isEmpty ? nil : now + .milliseconds(1)
        return answers
    }

    private mutating func answers(
        _ batch: SharedBatch<Waiter>,
        _ outcome: SegmentOutcome
    ) -> [(Waiter, SegmentOutcome)] {
        switch outcome {
        case .completed(let results):
            return batch.items.indices.map { (batch.items[$0].waiter, .completed(batch.results(of: $0, results))) }
        case .failed(let failure, let index): return self.split(batch, failure, at: index)
        case .lost(.reported(let failure)) where self.mayBeOfOthers(failure, batch):
            return batch.items.map { ($0.waiter, .lost(.silent)) }
        case .lost, .notSent: return batch.items.map { ($0.waiter, outcome) }
        }
    }

    /// Whether an error that was reported before the session was lost may not be that of each item.
    private func mayBeOfOthers(_ failure: ServerFailure, _ batch: SharedBatch<Waiter>) -> Bool {
        if self.kind == .inserts, Self.isOfLimits(failure) { return true }
        return batch.items.count > 1 && !failure.state.saysUnavailable
    }

    /// Whether it may be due to the limit for locks, or to transactions that others share.
    private static func isOfLimits(_ failure: ServerFailure) -> Bool {
        failure.state == .lockNotAvailable || failure.state.isContention
    }

    /// The server has rolled the batch back, and has skipped everything after the failed statement.
    private mutating func split(
        _ batch: SharedBatch<Waiter>,
        _ failure: ServerFailure,
        at index: Int
    ) -> [(Waiter, SegmentOutcome)] {
        switch self.kind {
        case .inserts:
            if batch.items.count > 1 || batch.isBeforeAll(index) || Self.isOfLimits(failure) {
                return self.runAgain(batch, failure, at: index)
            }
            return [(batch.items[0].waiter, .failed(failure, at: batch.offset(index, of: 0)))]
        case .reads:
            // Who has waited with others for too long would have waited for as long alone.
            if batch.isShared(index), !failure.state.saysTooLong { return self.separate(batch, at: index) }
            let callers = batch.callers(of: index)
            let failed = callers.isEmpty ? [batch.items.count - 1] : callers
            self.takeBack(batch, except: failed)
            return failed.map { (batch.items[$0].waiter, .failed(failure, at: batch.offset(index, of: $0))) }
        }
    }

    /// Takes back a batch of reads: those of the statement that has failed are sent again with one each, since the key of one of them may
    /// be the reason.
    private mutating func separate(_ batch: SharedBatch<Waiter>, at index: Int) -> [(Waiter, SegmentOutcome)] {
        var items = batch.items
        for caller in batch.callers(of: index) { items[caller].mayShareStatement = false }
        self.waiting.insert(contentsOf: items, at: 0)
        return []
    }

    /// Takes back a batch of transactions, except for the one whose statement has failed: that may be the fault of others of the batch.
    ///
    /// If it was the commit, it may be any of them.
    private mutating func runAgain(
        _ batch: SharedBatch<Waiter>,
        _ failure: ServerFailure,
        at index: Int
    ) -> [(Waiter, SegmentOutcome)] {
        let callers = batch.callers(of: index)
        let failed = callers.isEmpty ? Array(batch.items.indices) : callers
        self.takeBack(batch, except: failed)
        var failure = failure
        failure.isShared = true
        return failed.map { (batch.items[$0].waiter, .failed(failure, at: 0)) }
    }

    /// Callers that do not fail come before all that wait.
    private mutating func takeBack(_ batch: SharedBatch<Waiter>, except failed: [Int]) {
        let others = batch.items.indices.filter { !failed.contains($0) }.map { batch.items[$0] }
        self.waiting.insert(contentsOf: others, at: 0)
    }

    /// Takes no further items, and returns those that have not been sent.
    mutating func close(_ loss: SessionLoss) -> [Item] {
        self.loss = loss
        defer { self.waiting = [] }
        return Array(self.waiting)
    }
}
