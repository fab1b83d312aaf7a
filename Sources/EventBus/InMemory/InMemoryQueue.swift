// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
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
    /// The parts of a sharded subscription, which hold all its messages except for the dead letters.
    let shards: [InMemoryQueue]
    private let guarded: Mutex<Guarded>
    /// Called when there is room again and a publisher is waiting for it.
    private let onRoom: @Sendable () -> Void
    /// Takes the dead letters of a shard.
    private let onDead: (@Sendable ([DeadLetter]) -> Void)?

    init(
        _ name: SubscriptionName,
        _ state: QueueState,
        shards: [InMemoryQueue] = [],
        clock: RelativeClock,
        onRoom: @escaping @Sendable () -> Void,
        onDead: (@Sendable ([DeadLetter]) -> Void)? = nil
    ) {
        self.name = name
        self.clock = clock
        self.shards = shards
        self.guarded = Mutex(Guarded(state: state))
        self.onRoom = onRoom
        self.onDead = onDead
    }

    var state: QueueState { self.guarded.withLock { $0.state } }

    var isIdle: Bool { self.guarded.withLock { $0.state.isIdle } }

    var ordering: Ordering { self.guarded.withLock { $0.state.ordering } }

    func askForRoom() -> Bool {
        guard self.shards.isEmpty else { return self.shards.allSatisfy { $0.askForRoom() } }
        return self.guarded.withLock { $0.state.askForRoom() }
    }

    /// Adds messages; the caller must raise the returned signals after releasing its locks.
    func add(_ messages: ArraySlice<Message>) -> [Signal] {
        self.guarded.withLock { guarded in
            let signals = guarded.state.publish(messages).compactMap { guarded.signals[$0] }
            return self.shards.isEmpty ? signals : signals + self.passOn(&guarded.state)
        }
    }

    /// Gives everything to the shards that it belongs to.
    private func passOn(_ state: inout QueueState) -> [Signal] {
        var parts: [Int: Deque<QueueEntry>] = [:]
        for entry in state.takeMain() { parts[entry.shard(of: self.shards.count), default: []].append(entry) }
        return parts.sorted { $0.key < $1.key }.flatMap { place, entries in
            self.shards[place].guarded.withLock { guarded in
                guarded.state.add(QueueState.Waiting(entries: entries, letters: [])).compactMap { guarded.signals[$0] }
            }
        }
    }

    /// - Returns: `nil` if the subscription has been removed.
    func attach(_ consumer: QueueState.ConsumerID, _ subscription: Subscription) -> InMemoryDeliveries? {
        let signal = Signal()
        let signals = self.guarded.withLock { guarded -> [Signal]? in
            guard !guarded.isRemoved else { return nil }
            guarded.signals[consumer] = signal
            guarded.subscriptions[consumer] = subscription
            // The messages of a sharded subscription come from its shards.
            let (prefetch, bytes) = (self.shards.isEmpty ? subscription.prefetch : 0, subscription.prefetchBytes)
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

    /// An instance that is being stopped has only consumers of its shards.
    private func isUnused(_ state: QueueState) -> Bool {
        state.consumers.isEmpty && self.shards.allSatisfy(\.state.consumers.isEmpty)
    }

    /// Removes the subscription, unless it is in use or holds something.
    func remove() throws(BusError) {
        try self.guarded.withLock { guarded throws(BusError) in
            guard self.isUnused(guarded.state) else {
                throw BusError(.subscriptionInUse, "subscription \(self.name) has open consumers")
            }
            let letters = guarded.state.contents.deadLetters
            var messages = guarded.state.contents.messages
            for shard in self.shards { messages += shard.state.contents.messages }
            guard messages == 0, letters == 0 else {
                throw BusError(
                    .subscriptionNotEmpty,
                    "subscription \(self.name) holds \(messages) messages and \(letters) dead letters"
                )
            }
            guarded.isRemoved = true
            for shard in self.shards { shard.guarded.withLock { $0.isRemoved = true } }
        }
    }

    /// - Returns: `nil` if the subscription is ordered and has consumers.
    func takeWaiting() -> QueueState.Waiting? {
        var waiting: QueueState.Waiting?
        self.change { state in
            guard state.ordering == .none || self.isUnused(state) else { return [] }
            let (taken, wake) = state.takeWaiting()
            waiting = taken
            return wake
        }
        guard let letters = waiting?.letters, !self.shards.isEmpty else { return waiting }
        let parts = self.shards.compactMap { $0.takeWaiting()?.entries }
        return QueueState.Waiting(entries: Deque(parts.joined()), letters: letters)
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
        let (signals, hasRoom, dead) = self.guarded.withLock { guarded in
            var signals = body(&guarded.state).compactMap { guarded.signals[$0] }
            if !self.shards.isEmpty { signals += self.passOn(&guarded.state) }
            let dead = self.onDead == nil ? [] : guarded.state.takeDeadLetters()
            return (signals, guarded.state.takeRoom(), dead)
        }
        if let onDead, !dead.isEmpty { onDead(dead) }
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
