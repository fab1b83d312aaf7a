// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import NIOCore

/// Messages that are not written any more.
extension PublishSession {
    /// Drops what has not been written of a batch: its caller has gone, or the originals of its copies come back.
    func cancel(_ id: UInt64) {
        let dropped = self.waiting.filter { $0.slot.batch.id == id }
        guard !dropped.isEmpty else { return }
        self.waiting.removeAll { $0.slot.batch.id == id }
        let error = BusError(.unavailable, "RabbitMQ: publishing was cancelled", cause: CancellationError())
        for entry in dropped { self.resolve(entry.slot, .notSent(error)) }
        self.report()
    }

    func failWaiting(_ error: BusError) {
        while let head = self.waiting.popFirst() { self.resolve(head.slot, .notSent(error)) }
    }
}
