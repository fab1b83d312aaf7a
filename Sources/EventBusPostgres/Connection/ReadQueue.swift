// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// The reads of a connection that share Syncs: a pure state machine.
///
/// Reads that arrive while others are in flight wait, and are sent together when those have been answered: not by the first caller
/// that returns, who would be alone, but by the I/O thread at the end of its turn.
struct ReadQueue<Waiter: Sendable>: Sendable {
    struct Read: Sendable {
        let statement: Statement
        let waiter: Waiter
    }

    enum Entry: Sendable, Equatable {
        /// The caller has to send its read.
        case send
        /// The I/O thread sends the read at the end of a turn.
        case wait
        /// The session has ended.
        case refused(SessionLoss)
    }

    /// The maximum number of reads in a batch, so that the first one is not answered late.
    static var batchLimit: Int { 64 }

    private var waiting: Deque<Read> = []
    /// Whether a batch has been sent and not been answered.
    private var isBatchInFlight = false
    /// Whether a batch has been answered in this turn of the I/O thread.
    private var isTurnOpen = false
    private var loss: SessionLoss?

    /// - Parameter isOnIOThread: the caller runs on the I/O thread, so that the end of a turn follows.
    mutating func enter(_ read: Read, isOnIOThread: Bool) -> Entry {
        if let loss = self.loss { return .refused(loss) }
        guard self.isBatchInFlight || self.isTurnOpen || isOnIOThread else {
            self.isBatchInFlight = true
            return .send
        }
        self.waiting.append(read)
        return .wait
    }

    /// Returns the batch that the I/O thread has to send at the end of its turn.
    mutating func endTurn() -> [Read] {
        self.isTurnOpen = false
        guard !self.isBatchInFlight, !self.waiting.isEmpty else { return [] }
        let batch = Array(self.waiting.prefix(Self.batchLimit))
        self.waiting.removeFirst(batch.count)
        self.isBatchInFlight = true
        return batch
    }

    /// A batch could not be sent; its reads are none of the queue's any longer.
    mutating func didNotSend() { self.isBatchInFlight = false }

    /// Returns the answers of a batch; reads without an answer return to the queue.
    mutating func complete(_ batch: [Read], _ outcome: SegmentOutcome) -> [(Waiter, SegmentOutcome)] {
        self.isBatchInFlight = false
        self.isTurnOpen = true
        switch outcome {
        case .completed(let results) where results.count == batch.count:
            return zip(batch, results).map { ($0.waiter, .completed([$1])) }
        case .failed(let failure, let index) where batch.indices.contains(index):
            // The server has skipped the reads after the failed one. As reads change nothing, all others are sent again.
            self.waiting.insert(contentsOf: batch[..<index] + batch[(index + 1)...], at: 0)
            return [(batch[index].waiter, .failed(failure, at: 0))]
        case .lost(.reported(let failure)) where batch.count > 1 && !failure.state.saysUnavailable:
            // It may be the failure of another read.
            return batch.map { ($0.waiter, .lost(.silent)) }
        default: return batch.map { ($0.waiter, outcome) }
        }
    }

    /// Takes no further reads, and returns those that have not been sent.
    mutating func close(_ loss: SessionLoss) -> [Read] {
        self.loss = loss
        defer { self.waiting = [] }
        return Array(self.waiting)
    }
}
