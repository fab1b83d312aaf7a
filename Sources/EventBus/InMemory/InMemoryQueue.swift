// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// A subscription of the in-process bus: its state behind a lock, and the consumers waiting for it.
final class InMemoryQueue: Sendable {
    private struct Guarded: Sendable {
        var state: QueueState
        var signals: [QueueState.ConsumerID: Signal] = [:]
        var subscriptions: [QueueState.ConsumerID: Subscription] = [:]
        var isRemoved = false
    }

    let name: SubscriptionName
    let clock: RelativeClock
    private let guarded: Mutex<Guarded>
    /// Called when there is room again and a publisher is waiting for it.
    private let onRoom: @Sendable () -> Void

    init(
        _ name: SubscriptionName,
        _ state: QueueState,
        clock: RelativeClock,
        onRoom: @escaping @Sendable () -> Void
    ) {
        self.name = name
        self.clock = clock
        self.guarded = Mutex(Guarded(state: state))
        self.onRoom = onRoom
    }

    var state: QueueState { self.guarded.withLock { $0.state } }

    var isIdle: Bool { self.guarded.withLock { $0.state.isIdle } }

    var ordering: Ordering { self.guarded.withLock { $0.state.ordering } }

    func askForRoom() -> Bool {
        self.guarded.withLock { $0.state.askForRoom() }
    }

    /// Adds messages; the caller must raise the returned signals after releasing its locks.
    func add(_ messages: ArraySlice<Message>) -> [Signal] {
        self.guarded.withLock { guarded in
            guarded.state.publish(messages).compactMap { guarded.signals[$0] }
        }
    }

    func redrive(limit: Int, where isWanted: @Sendable (DeadLetter) -> Bool) -> Int {
        let looked = self.guarded.withLock { $0.state.oldestDeadLetters(limit) }
        var filter = RedriveFilter()
        var given: [UInt64] = []
        var removed: [UInt64] = []
        for item in looked {
            switch filter.step(for: item.letter, where: isWanted) {
            case .keep: break
            case .give: given.append(item.number)
            case .remove(copyOf: _): removed.append(item.number)
            }
        }
        var count = 0
        self.change { state in
            let (redriven, wake) = state.redrive(given, removing: removed)
            count = redriven
            return wake
        }
        return count
    }

    /// - Returns: `nil` if the subscription has been removed.
    func attach(_ consumer: QueueState.ConsumerID, _ subscription: Subscription) -> InMemoryDeliveries? {
        let signal = Signal()
        let signals = self.guarded.withLock { guarded -> [Signal]? in
            guard !guarded.isRemoved else { return nil }
            guarded.signals[consumer] = signal
            guarded.subscriptions[consumer] = subscription
            let (prefetch, bytes) = (subscription.prefetch, subscription.prefetchBytes)
            return guarded.state.attach(consumer, prefetch: prefetch, bytes: bytes).compactMap { guarded.signals[$0] }
        }
        guard let signals else { return nil }
        for signal in signals { signal.raise() }
        return InMemoryDeliveries(queue: self, consumer: consumer, signal: signal)
    }

    /// The delay of a retry verdict; that of a consumer which has ended has no effect.
    func retryDelay(of consumer: QueueState.ConsumerID, nearestTo delay: Duration) -> Duration {
        self.guarded.withLock { $0.subscriptions[consumer] }?.retryDelay(nearestTo: delay) ?? delay
    }

    /// Removes the subscription, unless it is in use or holds something.
    func remove() throws(BusError) {
        try self.guarded.withLock { guarded throws(BusError) in
            guard guarded.state.consumers.isEmpty else {
                throw BusError(.subscriptionInUse, "subscription \(self.name) has open consumers")
            }
            let (messages, letters) = guarded.state.contents
            guard messages == 0, letters == 0 else {
                throw BusError(
                    .subscriptionNotEmpty,
                    "subscription \(self.name) holds \(messages) messages and \(letters) dead letters"
                )
            }
            guarded.isRemoved = true
        }
    }

    /// - Returns: `nil` if the subscription is ordered and has consumers.
    func takeWaiting() -> QueueState.Waiting? {
        var waiting: QueueState.Waiting?
        self.change { state in
            guard state.ordering == .none || state.consumers.isEmpty else { return [] }
            let (taken, wake) = state.takeWaiting()
            waiting = taken
            return wake
        }
        return waiting
    }

    func detach(_ consumer: QueueState.ConsumerID) {
        self.change { $0.detach(consumer) }
        self.guarded.withLock { guarded in
            guarded.signals[consumer] = nil
            guarded.subscriptions[consumer] = nil
        }
    }

    func take(by consumer: QueueState.ConsumerID) -> QueueState.Take {
        var take = QueueState.Take.detached
        self.change { state in
            let (result, wake) = state.take(by: consumer, now: self.clock.now())
            take = result
            return wake
        }
        return take
    }

    /// Changes the state, then wakes the consumers that may have something to take, outside the lock.
    func change(_ body: (inout QueueState) -> [QueueState.ConsumerID]) {
        let (signals, hasRoom) = self.guarded.withLock { guarded in
            (body(&guarded.state).compactMap { guarded.signals[$0] }, guarded.state.takeRoom())
        }
        for signal in signals { signal.raise() }
        if hasRoom { self.onRoom() }
    }
}

/// One open scope of an in-process subscription.
package struct InMemoryDeliveries: Deliveries {
    let queue: InMemoryQueue
    let consumer: QueueState.ConsumerID
    let signal: Signal

    package func next() async throws -> [Delivery]? {
        while true {
            try Task.checkCancellation()
            switch self.queue.take(by: self.consumer) {
            case .deliveries(let deliveries): return deliveries
            case .stopped: return nil
            case .detached: throw BusError(.connectionLost, "the subscription's scope has ended")
            case .wait(let due): await self.signal.wait(until: due, on: self.queue.clock)
            }
        }
    }

    package func settle(_ delivery: Delivery.ID, _ verdict: Verdict) {
        guard delivery.generation == self.consumer else { return }
        if case .done = verdict {
            let consumer = self.consumer
            self.queue.change { $0.acknowledge(delivery.tag, by: consumer) }
        } else {
            self.carryOut(verdict, on: delivery.tag, staysUnsettled: false)
        }
    }

    /// Stores the copy that a verdict requires but leaves the delivery unsettled, as when a process crashes before acknowledging it.
    package func copy(_ delivery: Delivery.ID, _ verdict: Verdict) {
        guard delivery.generation == self.consumer else { return }
        self.carryOut(verdict, on: delivery.tag, staysUnsettled: true)
    }

    private func carryOut(_ verdict: Verdict, on tag: UInt64, staysUnsettled: Bool) {
        var verdict = verdict
        if case .retry(let delay, let failures) = verdict {
            verdict = .retry(after: self.queue.retryDelay(of: self.consumer, nearestTo: delay), failures)
        }
        let now = self.queue.clock.now()
        self.queue.change {
            $0.settle(
                tag,
                by: self.consumer,
                verdict,
                now: now,
                stamp: Stamp.next,
                staysUnsettled: staysUnsettled
            )
        }
    }

    /// The message of an unsettled delivery; `nil` if there is no such delivery.
    package func outstanding(_ delivery: Delivery.ID) -> Message? {
        guard delivery.generation == self.consumer else { return nil }
        return self.queue.state.outstanding(delivery.tag, of: self.consumer)
    }

    /// Cuts the connection like a network failure: unsettled messages return, and nothing can be received or settled any more.
    package func cut() {
        self.detach()
        self.signal.raise()
    }

    package func stop() {
        self.queue.change { $0.stop(self.consumer) }
    }

    package func giveBack(_ deliveries: [Delivery.ID]) {
        let tags = deliveries.filter { $0.generation == self.consumer }.map(\.tag)
        self.queue.change { $0.giveBack(tags, by: self.consumer) }
    }

    package func flush() async throws {
        try Task.checkCancellation()
        guard self.queue.state.isOpen(self.consumer) else {
            throw BusError(.connectionLost, "the subscription's scope has ended")
        }
    }

    func detach() {
        self.queue.detach(self.consumer)
    }
}
