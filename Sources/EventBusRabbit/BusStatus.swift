// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What a bus is doing, and which tasks wait for it to start.
final class BusStatus: Sendable {
    enum Phase: Hashable, Sendable {
        case idle
        case connecting
        case connected
        case blocked(reason: String)
        case down(String)
        case ended
    }

    private struct State: Sendable {
        var phase = Phase.idle
        var lastScope: UInt64 = 0
        /// The copies that are not confirmed, by scope.
        var delayedCopies: [UInt64: (subscription: SubscriptionName, delay: CopyDelay)] = [:]
        /// The subscriptions whose messages wait and are not delivered.
        var standstills: [SubscriptionName: QueueWatch.Standstill] = [:]
        var consumerTimeouts: [SubscriptionName: ConsumerTimeout] = [:]

        var problem: String? {
            switch self.phase {
            case .connected: nil
            case .idle: "RabbitMQ: the bus is not running"
            case .connecting: "RabbitMQ: not connected yet"
            case .blocked(let reason): "RabbitMQ: the broker accepts no messages: \(reason)"
            case .down(let text): "RabbitMQ: not connected: \(text)"
            case .ended: "RabbitMQ: the bus has been shut down"
            }
        }
    }

    private enum Answer: Sendable {
        case started
        case ended
        case cancelled
    }

    private let state = WaitList<State, Void, Answer>(State())

    /// What keeps the bus from publishing, or from moving messages that have failed.
    var health: Health {
        self.state.withLock { state in
            let delays = state.delayedCopies.sorted { $0.key < $1.key }.map(\.value)
            let copies = delays.map { "RabbitMQ: subscription \($0.subscription): \($0.delay)" }
            return Health(
                problems: [state.problem].compactMap { $0 } + copies + Self.texts(state.standstills),
                notes: Self.texts(state.consumerTimeouts)
            )
        }
    }

    var isIdle: Bool { self.state.withLock { $0.phase == .idle } }

    /// Marks the bus as running.
    ///
    /// - Returns: whether it was idle.
    func start() -> Bool {
        self.state.change { state, waiters in
            guard state.phase == .idle else { return false }
            state.phase = .connecting
            waiters.resumeAll(returning: .started)
            return true
        }
    }

    func change(to phase: Phase) {
        self.state.withLock { if $0.phase != .ended { $0.phase = phase } }
    }

    /// Copies of a subscription are not confirmed, or, with `nil`, no longer.
    func note(_ delay: CopyDelay?, of subscription: SubscriptionName, scope: UInt64) {
        self.state.withLock { $0.delayedCopies[scope] = delay.map { (subscription, $0) } }
    }

    /// Messages of a subscription wait and are not delivered, or, with `nil`, no longer.
    ///
    /// - Returns: whether nothing of the kind was noted before.
    @discardableResult
    func note(_ standstill: QueueWatch.Standstill?, of subscription: SubscriptionName) -> Bool {
        self.state.withLock { state in
            defer { state.standstills[subscription] = standstill }
            return state.standstills[subscription] == nil
        }
    }

    /// The broker has told for how long a delivery may be unsettled.
    func note(_ timeout: ConsumerTimeout, of subscription: SubscriptionName) {
        self.state.withLock { $0.consumerTimeouts[subscription] = timeout }
    }

    private static func texts<Fact>(_ facts: [SubscriptionName: Fact]) -> [String] {
        facts.map { "RabbitMQ: subscription \($0.key): \($0.value)" }.sorted()
    }

    /// A number for a new scope, unique within the bus.
    func nextScope() -> UInt64 {
        self.state.withLock {
            $0.lastScope += 1
            return $0.lastScope
        }
    }

    /// Waits until the bus has been started.
    ///
    /// - Throws: `BusError` with code `closed`; `CancellationError`.
    func untilStarted() async throws {
        let answer = await self.state.wait(orWhenCancelled: .cancelled) { state, _ in
            switch state.phase {
            case .idle: .wait(())
            case .ended: .answer(.ended)
            case .connecting, .connected, .blocked, .down: .answer(.started)
            }
        }
        switch answer {
        case .started: break
        case .ended: throw BusError.shutDown
        case .cancelled: throw CancellationError()
        }
    }
}
