// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// The reads of a connection that share Syncs: a pure state machine.
///
/// Reads that arrive while others are in flight wait, and are sent together when those have been answered.
struct ReadQueue<Waiter> {
    struct Read {
        let statement: Statement
        let waiter: Waiter
    }

    /// The maximum number of reads in a batch, so that the first one is not answered late.
    static var batchLimit: Int { 64 }

    private var waiting: Deque<Read> = []
    /// Whether a batch has been sent and not been answered.
    private(set) var isBatchInFlight = false

    /// The reads to send now; empty if there are none or if a batch is in flight.
    var nextBatch: [Read] { self.isBatchInFlight ? [] : Array(self.waiting.prefix(Self.batchLimit)) }

    mutating func append(_ read: Read) {
        self.waiting.append(read)
    }

    /// Records that a batch has been sent, whose reads need not have been in the queue.
    mutating func didSend(fromQueue count: Int) {
        self.waiting.removeFirst(count)
        self.isBatchInFlight = true
    }

    /// Returns the answer of each read of a batch; reads without an answer return to the queue.
    mutating func complete(_ batch: [Read], _ outcome: SegmentOutcome) -> [(Waiter, SegmentOutcome)] {
        self.isBatchInFlight = false
        switch outcome {
        case .completed(let results) where results.count == batch.count:
            return zip(batch, results).map { ($0.waiter, .completed([$1])) }
        case .failed(let failure, let index) where batch.indices.contains(index):
            // The server has skipped the reads after the failed one. As reads change nothing, all others are sent
            // again.
            self.waiting.insert(contentsOf: batch[..<index] + batch[(index + 1)...], at: 0)
            return [(batch[index].waiter, .failed(failure, at: 0))]
        default: return batch.map { ($0.waiter, outcome) }
        }
    }

    /// Removes and returns the reads that have not been sent.
    mutating func removeAll() -> [Read] {
        defer { self.waiting = [] }
        return Array(self.waiting)
    }
}
