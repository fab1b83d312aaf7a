// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import NIOCore

/// Messages that are not written any more.
extension PublishSession {
    /// Drops what has not been written of a batch: its caller has gone, or the originals of its copies come back.
    func cancel(_ id: UInt64) {
        self.drop("publishing was cancelled") { $0.slot.batch.id == id }
    }

    /// During an alarm copies wait, but nobody who waits for an answer does so for longer than the time limit.
    func expireAwaited() {
        let now = self.now
        self.drop("the broker accepts no messages") { $0.slot.batch.isAwaited && $0.deadline <= now }
        guard let next = self.waiting.lazy.filter({ $0.slot.batch.isAwaited }).map(\.deadline).min() else { return }
        self.wait(until: next)
    }

    func failWaiting(_ error: BusError) {
        while let head = self.waiting.popFirst() { self.resolve(head.slot, .notSent(error)) }
    }

    private func drop(_ reason: String, _ isDropped: (Waiting) -> Bool) {
        let dropped = self.waiting.filter(isDropped)
        guard !dropped.isEmpty else { return }
        self.waiting.removeAll(where: isDropped)
        for entry in dropped { self.resolve(entry.slot, .notSent(BusError(.unavailable, "RabbitMQ: \(reason)"))) }
        self.report()
    }
}
