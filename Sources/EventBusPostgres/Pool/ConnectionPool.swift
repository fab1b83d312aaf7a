// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging
import Synchronization

/// The connections of a store, shared by its callers.
///
/// All of it runs on the I/O thread and in its callers: no tasks.
final class ConnectionPool: IOHandler {
    typealias Waiter = CheckedContinuation<Result<Lease, PostgresError>, Never>

    /// A connection on loan.
    struct Lease: Sendable {
        fileprivate let id: PoolState.ConnectionID
        let connection: Connection
    }

    private struct State {
        var machine: PoolState
        var connections: [PoolState.ConnectionID: Connection] = [:]
        var waiters: [PoolState.RequestID: Waiter] = [:]
        var finished: CheckedContinuation<Void, Never>?
        var isFinished = false
        var lastError: PostgresError?
    }

    private let state: Mutex<State>
    private let parameters: ConnectionParameters
    private let timeouts: ConnectionCore.Timeouts
    private let thread: IOThread
    private let jitter: @Sendable () -> Double
    private let logger: Logger
    private let attempts: Int

    init(
        _ parameters: ConnectionParameters,
        limits: PoolState.Limits,
        timeouts: ConnectionCore.Timeouts,
        on thread: IOThread,
        logger: Logger,
        jitter: @escaping @Sendable () -> Double = { .random(in: 0..<1) }
    ) {
        self.state = Mutex(State(machine: PoolState(limits: limits)))
        self.parameters = parameters
        self.timeouts = timeouts
        self.thread = thread
        self.jitter = jitter
        self.logger = logger
        self.attempts = limits.maximumConnections + 2
    }

    /// Why the last connection could not be opened or was lost; nil while all is well.
    var problem: PostgresError? {
        self.state.withLock { $0.machine.isUp ? nil : $0.lastError ?? PostgresError(.unavailable) }
    }

    func start() {
        self.thread.add(self)
        self.update { machine, now in machine.start(now: now) }
    }

    /// Waits for loans to come back, then ends every session; after the grace, sessions end at once.
    func shutDown(grace: Duration) async {
        self.update { machine, _ in machine.shutDown() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.finish() }
            group.addTask {
                try? await ContinuousClock().sleep(for: grace)
                self.update { machine, _ in machine.closeAll() }
            }
            await group.next()
            group.cancelAll()
        }
        self.thread.remove(self)
    }

    private func finish() async {
        await withCheckedContinuation { continuation in
            let isFinished = self.state.withLock { state in
                if !state.isFinished { state.finished = continuation }
                return state.isFinished
            }
            if isFinished { continuation.resume() }
        }
    }

    /// Sends statements on whichever connection has least to do, as one implicit transaction.
    func run(_ statements: [Statement]) async throws(PostgresError) -> SegmentOutcome {
        try await self.send { await $0.run(statements) }
    }

    /// Sends a statement that changes nothing, maybe together with others.
    func read(_ statement: Statement) async throws(PostgresError) -> SegmentOutcome {
        try await self.send { await $0.read(statement) }
    }

    private func send(_ body: (Connection) async -> SegmentOutcome) async throws(PostgresError) -> SegmentOutcome {
        var outcome = SegmentOutcome.notSent
        // All connections can have ended while they were idle; and a stale plan is seen only once per statement.
        for _ in 0..<self.attempts {
            let lease = try await self.lease(.shared)
            outcome = await body(lease.connection)
            if case .notSent = outcome {
                self.release(lease, .shared, isReusable: false)
                continue
            }
            self.release(lease, .shared)
            switch outcome {
            case .failed(let failure, _) where failure.state.spoilsPreparedStatement: continue
            default: return outcome
            }
        }
        return outcome
    }

    func lease(_ use: PoolState.Use) async throws(PostgresError) -> Lease {
        if let lease = self.leaseNow(use) { return lease }
        let id = Mutex<PoolState.RequestID?>(nil)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: Waiter) in
                self.change { state, now in
                    let (request, actions) = state.machine.request(use, now: now)
                    state.waiters[request] = waiter
                    id.withLock { $0 = request }
                    return actions
                }
                // The handler may have run before there was anything to cancel.
                if Task.isCancelled { self.cancel(id.withLock { $0 }) }
            }
        } onCancel: {
            self.cancel(id.withLock { $0 })
        }
        return try result.get()
    }

    /// A connection that can be had without waiting, and without opening one.
    private func leaseNow(_ use: PoolState.Use) -> Lease? {
        self.state.withLock { state in
            guard let id = state.machine.take(use), let connection = state.connections[id] else { return nil }
            return Lease(id: id, connection: connection)
        }
    }

    func release(_ lease: Lease, _ use: PoolState.Use, isReusable: Bool = true) {
        if isReusable, self.state.withLock({ $0.machine.putBack(lease.id, use) }) { return }
        self.update { machine, now in machine.release(lease.id, use, isReusable: isReusable, now: now) }
    }

    private func cancel(_ id: PoolState.RequestID?) {
        guard let id else { return }
        self.update { machine, _ in machine.cancel(id) }
    }

    // MARK: On the I/O thread

    func interest() -> IOInterest { IOInterest(deadline: self.state.withLock { $0.machine.deadline }) }

    func serve(now: ContinuousClock.Instant, isReadable: Bool) {
        self.update { machine, _ in machine.tick(now: now) }
    }

    func abandon() {
        self.update { machine, _ in machine.shutDown() }
    }

    private func connectionChanged(_ id: PoolState.ConnectionID, _ event: ConnectionEvent) {
        let jitter = self.jitter()
        if case .closed(let error) = event, error.code != .closed {
            self.logger.info("A database connection failed", error: error, metadata: error.metadata)
        }
        self.change { state, now in
            switch event {
            case .opened:
                state.lastError = nil
                return state.machine.opened(id, now: now)
            case .closed(let error):
                state.connections[id] = nil
                state.lastError = error
                return state.machine.closed(id, now: now, jitter: jitter)
            }
        }
    }

    // MARK: Effects

    private enum Effect {
        case open(Connection)
        case close(Connection)
        case resume(Waiter, Result<Lease, PostgresError>)
        case finish(CheckedContinuation<Void, Never>)
    }

    private func update(_ change: (inout PoolState, ContinuousClock.Instant) -> [PoolState.Action]) {
        self.change { state, now in change(&state.machine, now) }
    }

    private func change(_ change: (inout State, ContinuousClock.Instant) -> [PoolState.Action]) {
        let now = ContinuousClock.now
        let (effects, isEarlier) = self.state.withLock { state in
            let before = state.machine.deadline
            let actions = change(&state, now)
            let effects = actions.compactMap { self.effect(of: $0, &state) }
            guard let after = state.machine.deadline else { return (effects, false) }
            return (effects, before.map { after < $0 } ?? true)
        }
        for effect in effects {
            switch effect {
            case .open(let connection): connection.open(self.parameters)
            case .close(let connection): connection.close()
            case .resume(let waiter, let result): waiter.resume(returning: result)
            case .finish(let continuation): continuation.resume()
            }
        }
        if isEarlier { self.thread.wake() }
    }

    private func effect(of action: PoolState.Action, _ state: inout State) -> Effect? {
        switch action {
        case .open(let id):
            let connection = Connection(mode: .pipeline, timeouts: self.timeouts, on: self.thread) {
                [weak self] event in
                self?.connectionChanged(id, event)
            }
            state.connections[id] = connection
            return .open(connection)
        case .close(let id): return state.connections[id].map { .close($0) }
        case .deliver(let request, let id):
            guard let waiter = state.waiters.removeValue(forKey: request), let connection = state.connections[id]
            else { return nil }
            return .resume(waiter, .success(Lease(id: id, connection: connection)))
        case .fail(let request, let code):
            guard let waiter = state.waiters.removeValue(forKey: request) else { return nil }
            return .resume(waiter, .failure(PostgresError(code, detail: state.lastError?.detail ?? "")))
        case .finished:
            state.isFinished = true
            defer { state.finished = nil }
            return state.finished.map { .finish($0) }
        }
    }
}
