// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Synchronization

/// Passes deliveries from the event loop to the tasks of a consumer, and verdicts back.
final class RabbitDeliveries: Deliveries {
    private typealias Answer = Result<[IncomingMessage]?, any Error>
    private typealias Waiter = CheckedContinuation<[IncomingMessage]?, any Error>

    /// A verdict on its way to the event loop, or a delivery that is given back.
    struct Given {
        let tag: UInt64
        /// `nil` if the delivery is given back without one.
        let verdict: Verdict?
        /// How many deliveries `next()` had returned by then.
        let returned: Int
    }

    private struct State {
        var arrivals: [IncomingMessage] = []
        /// How many deliveries `next()` has returned.
        var returned = 0
        var waiter: Waiter?
        var verdicts: [Given] = []
        var isStopped = false
        var failure: BusError?
        /// The loop has been woken and has not collected yet.
        var isWoken = false
        /// The loop is to be woken when a task waits.
        var wakesWhenAwaited = false
        /// The loop is woken when this many verdicts wait: more than one while a timer will make it collect anyway.
        var verdictsToWake = 1
        var wake: (@Sendable () -> Void)?
        var flush: (@Sendable () -> EventLoopFuture<Void>)?

        mutating func takeArrivals() -> [IncomingMessage] {
            self.returned += self.arrivals.count
            defer { self.arrivals = [] }
            return self.arrivals
        }

        mutating func giveBackArrivals() {
            self.verdicts += self.arrivals.map { Given(tag: $0.tag, verdict: nil, returned: .max) }
            self.arrivals = []
        }
    }

    let generation: UInt64
    let executor: (any TaskExecutor)?
    private let ordering: Ordering
    private let state = Mutex(State())

    init(generation: UInt64, _ ordering: Ordering, executor: any TaskExecutor) {
        self.generation = generation
        self.ordering = ordering
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
                    guard state.arrivals.isEmpty else { return (nil, .success(state.takeArrivals())) }
                    if state.wakesWhenAwaited { wake = state.wake }
                    state.wakesWhenAwaited = false
                    defer { state.waiter = waiter }
                    return (state.waiter, nil)
                }
                wake?()
                // Only one task can wait; a second one replaces it.
                earlier?.resume(throwing: CancellationError())
                if let result { waiter.resume(with: result) }
            }
        } onCancel: {
            self.takeWaiter { _ in }?.resume(throwing: CancellationError())
        }
        return arrivals?.map { ReceivedMessage($0).delivery(self.generation) }
    }

    func settle(_ delivery: Delivery.ID, _ verdict: Verdict) {
        guard delivery.generation == self.generation else { return }
        let wake = self.state.withLock { state -> (@Sendable () -> Void)? in
            guard state.failure == nil else { return nil }
            state.verdicts.append(Given(tag: delivery.tag, verdict: verdict, returned: state.returned))
            // A copy has to be confirmed before its original is acknowledged: it does not wait for other verdicts.
            guard !state.isWoken, !verdict.isDone || state.verdicts.count >= state.verdictsToWake else { return nil }
            state.isWoken = true
            return state.wake
        }
        wake?()
    }

    func stop() {
        let waiter = self.takeWaiter { state in
            state.isStopped = true
            if self.ordering == .none { state.giveBackArrivals() }
        }
        waiter?.resume(returning: nil)
        self.state.withLock { $0.wake }?()
    }

    func giveBack(_ deliveries: [Delivery.ID]) {
        // Copies of ordered messages would be overtaken.
        guard self.ordering == .none else { return }
        let tags = deliveries.filter { $0.generation == self.generation }.map(\.tag)
        let wake = self.state.withLock { state -> (@Sendable () -> Void)? in
            guard state.failure == nil else { return nil }
            state.verdicts += tags.map { Given(tag: $0, verdict: nil, returned: state.returned) }
            return state.wake
        }
        wake?()
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

    /// Whether a task waits in ``next()``; if none does, the loop is woken as soon as one does.
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
            if state.isStopped, self.ordering == .none { state.giveBackArrivals() }
            guard let waiter = state.waiter else { return (nil, []) }
            state.waiter = nil
            return (waiter, state.takeArrivals())
        }
        waiter?.resume(returning: taken)
    }

    /// Wakes the loop from now on when this many verdicts wait.
    func wake(atVerdicts count: Int) {
        self.state.withLock { $0.verdictsToWake = count }
    }

    /// The verdicts since the last call.
    func take() -> [Given] {
        self.state.withLock { state in
            state.isWoken = false
            defer { state.verdicts = [] }
            return state.verdicts
        }
    }

    /// Ends the deliveries: nothing more arrives, and verdicts have no effect.
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

extension Verdict {
    /// Whether it needs no copy of the message.
    var isDone: Bool { if case .done = self { true } else { false } }
}
