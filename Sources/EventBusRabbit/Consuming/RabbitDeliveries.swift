// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Synchronization

/// What passes between the tasks of a consumer and the event loop: deliveries one way, verdicts the other.
final class RabbitDeliveries: Deliveries {
    private typealias Answer = Result<[IncomingMessage]?, any Error>
    private typealias Waiter = CheckedContinuation<[IncomingMessage]?, any Error>

    private struct State {
        var arrivals: [IncomingMessage] = []
        /// The tags that `next()` has returned and that have no verdict yet.
        var out: TagTable<Void>
        var waiter: Waiter?
        var verdicts: [(tag: UInt64, verdict: Verdict)] = []
        var isStopped = false
        var failure: BusError?
        /// The loop knows that something is to be collected.
        var isWoken = false
        /// The loop wants to know when somebody waits.
        var wakesWhenAwaited = false
        /// The loop is woken when this many verdicts wait: more than one while it will come by itself.
        var patience = 1
        var wake: (@Sendable () -> Void)?
        var flush: (@Sendable () -> EventLoopFuture<Void>)?

        /// All that has arrived; from now on it can have verdicts.
        mutating func handOut() -> [IncomingMessage] {
            for arrival in self.arrivals { self.out.insert((), for: arrival.tag) }
            defer { self.arrivals = [] }
            return self.arrivals
        }
    }

    let generation: UInt64
    let executor: (any TaskExecutor)?
    private let state: Mutex<State>

    /// - Parameter prefetch: how many deliveries may be out.
    init(generation: UInt64, prefetch: Int, executor: any TaskExecutor) {
        self.state = Mutex(State(out: TagTable(capacity: prefetch)))
        self.generation = generation
        self.executor = executor
    }

    // MARK: For the consumer's tasks

    func next() async throws -> [Delivery]? {
        let arrivals = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: Waiter) in
                var wake: (@Sendable () -> Void)?
                let (earlier, result) = self.state.withLock { state -> (Waiter?, Answer?) in
                    if Task.isCancelled { return (nil, .failure(CancellationError())) }
                    if let failure = state.failure { return (nil, .failure(failure)) }
                    if state.isStopped { return (nil, .success(nil)) }
                    guard state.arrivals.isEmpty else { return (nil, .success(state.handOut())) }
                    if state.wakesWhenAwaited { wake = state.wake }
                    state.wakesWhenAwaited = false
                    defer { state.waiter = waiter }
                    return (state.waiter, nil)
                }
                wake?()
                // Only one task may wait; a second one takes over.
                earlier?.resume(throwing: CancellationError())
                if let result { waiter.resume(with: result) }
            }
        } onCancel: {
            self.takeWaiter { _ in }?.resume(throwing: CancellationError())
        }
        return arrivals?.map { $0.delivery(self.generation) }
    }

    func settle(_ delivery: Delivery.ID, _ verdict: Verdict) {
        guard delivery.generation == self.generation else { return }
        let wake = self.state.withLock { state -> (@Sendable () -> Void)? in
            guard state.failure == nil, state.out.remove(delivery.tag) != nil else { return nil }
            state.verdicts.append((delivery.tag, verdict))
            // A copy has its way to go before its original is acknowledged: it does not wait for others.
            let isUrgent = if case .done = verdict { false } else { true }
            guard !state.isWoken, isUrgent || state.verdicts.count >= state.patience else { return nil }
            state.isWoken = true
            return state.wake
        }
        wake?()
    }

    func stop() {
        self.takeWaiter { $0.isStopped = true }?.resume(returning: nil)
        self.state.withLock { $0.wake }?()
    }

    func flush() async throws {
        try Task.checkCancellation()
        guard let flush = self.state.withLock({ $0.flush }) else {
            throw self.failure ?? BusError(.connectionLost, "RabbitMQ: the subscription is not open")
        }
        try await flush().get()
    }

    // MARK: For the event loop

    var isStopped: Bool { self.state.withLock { $0.isStopped } }

    var failure: BusError? { self.state.withLock { $0.failure } }

    /// Whether a task waits in ``next()``; if not, the loop is woken when one does.
    func isAwaited() -> Bool {
        self.state.withLock { state in
            state.wakesWhenAwaited = state.waiter == nil
            return !state.wakesWhenAwaited
        }
    }

    func attach(wake: @escaping @Sendable () -> Void, flush: @escaping @Sendable () -> EventLoopFuture<Void>) {
        self.state.withLock {
            $0.wake = wake
            $0.flush = flush
        }
    }

    func offer(_ arrivals: [IncomingMessage]) {
        let (waiter, taken) = self.state.withLock { state -> (Waiter?, [IncomingMessage]) in
            state.arrivals += arrivals
            guard let waiter = state.waiter else { return (nil, []) }
            state.waiter = nil
            return (waiter, state.handOut())
        }
        waiter?.resume(returning: taken)
    }

    /// From now on the loop is woken when there are so many verdicts; those that wait already it takes by itself.
    func wake(atVerdicts count: Int) {
        self.state.withLock { $0.patience = count }
    }

    /// All verdicts so far.
    func take() -> [(tag: UInt64, verdict: Verdict)] {
        self.state.withLock { state in
            state.isWoken = false
            defer { state.verdicts = [] }
            return state.verdicts
        }
    }

    /// Nothing more comes, and verdicts are of no use.
    func fail(_ error: BusError) {
        let waiter = self.takeWaiter { state in
            state.failure = state.failure ?? error
            state.wake = nil
            state.flush = nil
            state.verdicts = []
            state.arrivals = []
        }
        waiter?.resume(throwing: error)
    }

    private func takeWaiter(_ change: (inout sending State) -> Void) -> Waiter? {
        self.state.withLock { state in
            change(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
    }
}
