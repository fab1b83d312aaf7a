// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// A subscription of the in-process bus: its state behind a lock, and the consumers that wait for it.
final class InMemoryQueue: Sendable {
    private struct Guarded: Sendable {
        var state: QueueState
        var signals: [QueueState.ConsumerID: Signal] = [:]
    }

    let ordering: Ordering
    let timeline: Timeline
    private let guarded: Mutex<Guarded>

    init(ordering: Ordering, timeline: Timeline) {
        self.ordering = ordering
        self.timeline = timeline
        self.guarded = Mutex(Guarded(state: QueueState(ordering: ordering)))
    }

    var deadLetters: [DeadLetter] { self.guarded.withLock { $0.state.deadLetters } }

    func publish(_ messages: [Message]) {
        self.change { $0.publish(messages) }
    }

    func attach(_ consumer: QueueState.ConsumerID, prefetch: Int) -> InMemoryDeliveries {
        let signal = Signal()
        self.guarded.withLock { $0.signals[consumer] = signal }
        self.change { $0.attach(consumer, prefetch: prefetch) }
        return InMemoryDeliveries(queue: self, consumer: consumer, signal: signal)
    }

    func detach(_ consumer: QueueState.ConsumerID) {
        self.change { $0.detach(consumer) }
        self.guarded.withLock { _ = $0.signals.removeValue(forKey: consumer) }
    }

    func take(by consumer: QueueState.ConsumerID) -> QueueState.Take {
        let now = self.timeline.now()
        var take = QueueState.Take.detached
        self.change { state in
            let (result, wake) = state.take(by: consumer, now: now)
            take = result
            return wake
        }
        return take
    }

    /// Changes the state and then, outside the lock, wakes the consumers that may have something to take.
    func change(_ body: (inout QueueState) -> [QueueState.ConsumerID]) {
        let signals = self.guarded.withLock { guarded in
            body(&guarded.state).compactMap { guarded.signals[$0] }
        }
        for signal in signals { signal.raise() }
    }
}

/// One open scope of an in-process subscription.
struct InMemoryDeliveries: Deliveries {
    let queue: InMemoryQueue
    let consumer: QueueState.ConsumerID
    let signal: Signal

    func next() async throws -> [Delivery]? {
        while true {
            try Task.checkCancellation()
            switch self.queue.take(by: self.consumer) {
            case .deliveries(let deliveries): return deliveries
            case .stopped: return nil
            case .detached: throw BusError(.connectionLost, "the subscription's scope has ended")
            case .wait(let due): await self.signal.wait(until: due, on: self.queue.timeline)
            }
        }
    }

    func settle(_ delivery: Delivery.ID, _ verdict: Verdict) {
        guard delivery.generation == self.consumer else { return }
        let now = self.queue.timeline.now()
        self.queue.change { $0.settle(delivery.tag, by: self.consumer, verdict, now: now, stamp: Stamp.next) }
    }

    func stop() {
        self.queue.change { $0.stop(self.consumer) }
    }

    func flush() async throws {
        try Task.checkCancellation()
    }

    func detach() {
        self.queue.detach(self.consumer)
    }
}
