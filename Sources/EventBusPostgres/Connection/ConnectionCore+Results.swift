// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension ConnectionCore {
    struct Timeouts: Sendable {
        var connect: Duration
        /// The session ends if nothing arrives or leaves for this long although an answer is due; `nil`: never.
        var response: Duration?
    }

    enum Sent {
        case entirely
        /// The I/O thread has to send the rest.
        case partly
        /// Nothing that could take effect has been sent.
        case refused(SessionLoss)
    }

    struct Answer: Sendable {
        let outcome: SegmentOutcome
        /// Whether no other caller of the same batch is resumed after this one.
        var isLastOfBatch = false
    }

    struct Effects {
        var resumptions: [(Waiter, Answer)] = []
        var isNotified = false
        /// At most one batch of each kind is in flight.
        var batches: [(SharedQueue<Waiter>.Kind, SharedBatch<Waiter>, SegmentOutcome)] = []
        /// Why the session has ended.
        var loss: SessionLoss?
        var event: ConnectionEvent?
        /// A thread has to look up this host.
        var lookUp: (host: String, place: Int)?
    }
}
