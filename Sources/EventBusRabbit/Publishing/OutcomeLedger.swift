// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// A batch that was taken from the queue and has outcomes that are not known yet.
final class PendingBatch {
    let id: UInt64
    let messages: [Outgoing]
    fileprivate let sink: PublishBatch.Sink
    fileprivate var outcomes: [PublishOutcome]
    fileprivate var remaining: Int
    /// The messages whose outcomes are reported at the end of this turn, unless all of the batch are reported together.
    fileprivate var fresh: [Int] = []

    fileprivate init(_ batch: PublishBatch) {
        self.id = batch.id
        self.sink = batch.sink
        self.messages = batch.messages
        self.outcomes = Array(repeating: .unknown, count: batch.messages.count)
        self.remaining = batch.messages.count
    }
}

extension Confirms.Slot where Batch == PendingBatch {
    var message: Outgoing { self.batch.messages[self.index] }
}

/// Collects the outcomes of batches, and passes them on once per turn of the event loop.
struct OutcomeLedger {
    typealias Slot = Confirms<PendingBatch>.Slot

    /// How many messages have no outcome yet.
    private(set) var openCount = 0
    private var pendingCount = 0
    /// The batches with something to report.
    private var touched: [PendingBatch] = []
    private var idleWaiters: [EventLoopPromise<Void>] = []

    /// Whether somebody waits until every outcome is known.
    var isEnding: Bool { !self.idleWaiters.isEmpty }

    mutating func take(_ batch: PublishBatch) -> PendingBatch {
        self.pendingCount += 1
        self.openCount += batch.messages.count
        return PendingBatch(batch)
    }

    mutating func resolve(_ slot: Slot, _ outcome: PublishOutcome) {
        let pending = slot.batch
        pending.outcomes[slot.index] = outcome
        pending.remaining -= 1
        self.openCount -= 1
        switch pending.sink {
        case .all: if pending.remaining == 0 { self.touched.append(pending) }
        case .each:
            if pending.fresh.isEmpty { self.touched.append(pending) }
            pending.fresh.append(slot.index)
        }
    }

    /// Succeeds the promise when every outcome is known.
    mutating func awaitIdle(_ promise: EventLoopPromise<Void>) {
        self.idleWaiters.append(promise)
    }

    /// Passes outcomes on.
    mutating func report() {
        guard !self.touched.isEmpty || !self.idleWaiters.isEmpty else { return }
        let touched = self.touched
        self.touched = []
        for pending in touched {
            if pending.remaining == 0 { self.pendingCount -= 1 }
            switch pending.sink {
            case .all(let continuation): continuation.resume(returning: pending.outcomes)
            case .each(let report):
                let fresh = pending.fresh
                pending.fresh = []
                report(fresh.map { ($0, pending.outcomes[$0]) })
            }
        }
        guard self.pendingCount == 0 else { return }
        let idleWaiters = self.idleWaiters
        self.idleWaiters = []
        for promise in idleWaiters { promise.succeed() }
    }
}
