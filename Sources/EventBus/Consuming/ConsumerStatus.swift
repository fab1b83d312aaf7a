// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// Where a consumer stands, for its shutdown and for its health report.
final class ConsumerStatus: Sendable {
    private enum Phase: Sendable {
        case idle
        case opening
        case open(any Deliveries, Backlog, [WorkLimit])
        case interrupted(reason: String)
        case ended
    }

    private struct State: Sendable {
        var phase = Phase.idle
        var isShuttingDown = false
        /// Why workers hold their deliveries, and how many of them do.
        var holding: (reason: String, workers: Int)?
        var watch = ProgressWatch()
    }

    private let state = Mutex(State())
    private let settledTotal = Atomic<UInt64>(0)
    private let inHand = Atomic<Int>(0)
    private let handledTotal = Atomic<UInt64>(0)

    /// Rises each time the subscription is opened, and when the consumer has ended.
    private let changed = Notifier()

    var isShuttingDown: Bool { self.state.withLock { $0.isShuttingDown } }

    /// How many messages have been handled successfully.
    var handledCount: UInt64 { self.handledTotal.load(ordering: .relaxed) }

    func handled(_ count: Int) {
        self.handledTotal.add(UInt64(count), ordering: .relaxed)
    }

    /// Notes that a worker has taken deliveries.
    func took(_ count: Int) {
        self.inHand.add(count, ordering: .relaxed)
    }

    /// Notes that the fate of a delivery that a worker has taken is decided.
    func settled() {
        self.inHand.subtract(1, ordering: .relaxed)
        self.settledTotal.add(1, ordering: .relaxed)
    }

    /// Notes the start of `run()`; `false` when it has been called before.
    func start() -> Bool {
        self.state.withLock { state in
            guard case .idle = state.phase else { return false }
            state.phase = .opening
            return true
        }
    }

    /// Notes that deliveries come; `false` when the consumer is to shut down instead.
    func open(_ deliveries: any Deliveries, _ backlog: Backlog, _ limits: [WorkLimit]) -> Bool {
        let isOpen = self.state.withLock { state in
            guard !state.isShuttingDown else { return false }
            state.phase = .open(deliveries, backlog, limits)
            state.watch = ProgressWatch()
            self.inHand.store(0, ordering: .relaxed)
            return true
        }
        if isOpen { self.changed.raise() }
        return isOpen
    }

    func interrupt(_ reason: String) {
        self.state.withLock { $0.phase = .interrupted(reason: reason) }
    }

    func end() {
        self.state.withLock { $0.phase = .ended }
        self.changed.raise()
    }

    /// Waits until the subscription has been opened; `false` when the consumer has ended instead.
    func untilOpened() async throws -> Bool {
        _ = try await self.changed.wait(above: 0)
        return self.state.withLock { if case .ended = $0.phase { false } else { true } }
    }

    func beginHolding(_ reason: String) {
        self.state.withLock { $0.holding = (reason, ($0.holding?.workers ?? 0) + 1) }
    }

    func endHolding() {
        self.state.withLock { state in
            guard let holding = state.holding else { return }
            state.holding = holding.workers > 1 ? (holding.reason, holding.workers - 1) : nil
        }
    }

    /// Stops new deliveries and gives back those that were not started; without an open subscription there is nothing to drain.
    func shutDown() -> ShutdownResponse {
        let open: (any Deliveries, Backlog)? = self.state.withLock { state in
            state.isShuttingDown = true
            if case .open(let deliveries, let backlog, _) = state.phase { return (deliveries, backlog) }
            return nil
        }
        guard let (deliveries, backlog) = open else { return .cancel }
        let rest = backlog.finish()
        deliveries.stop()
        deliveries.giveBack(rest)
        return .drains
    }

    func health(of name: SubscriptionName, _ options: ConsumerOptions, now: Duration) -> Health {
        let (phase, holding) = self.state.withLock { ($0.phase, $0.holding) }
        var health = Health()
        switch phase {
        case .idle: health.problems.append("consumer \(name) has not been started")
        case .opening: health.problems.append("consumer \(name) is not consuming yet")
        case .interrupted(let reason): health.problems.append("consumer \(name) is not consuming: \(reason)")
        case .ended: health.problems.append("consumer \(name) has ended")
        case .open(_, let backlog, let limits):
            let inHand = self.inHand.load(ordering: .relaxed)
            let situation = ConsumerSituation(backlog.state, inHand: inHand, limits, options)
            let idle = self.state.withLock { state in
                state.watch.look(self.settledTotal.load(ordering: .relaxed), hasWork: situation.hasWork, now: now)
            }
            health.problems = situation.problems(unsettledFor: idle).map { "consumer \(name) \($0)" }
            health.notes = situation.notes.map { "consumer \(name) \($0)" }
        }
        if let holding { health.problems.append("consumer \(name) holds its deliveries: \(holding.reason)") }
        return health
    }
}
