// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A segment that has been sent, and who waits for its answer.
struct PendingSegment<Waiter: Sendable> {
    enum Receiver {
        case one(Waiter)
        case batch(SharedQueue<Waiter>.Kind, SharedBatch<Waiter>)
    }

    let statements: [Statement]
    let receiver: Receiver
}
