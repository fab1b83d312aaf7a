// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging
import Synchronization

/// Somebody who may keep a connection while asking for another one.
protocol ConnectionHolder: AnyObject, Sendable {
    /// Whether a connection of the pool is kept until the holder ends.
    func holdsConnection(of pool: ConnectionPool) -> Bool
}

/// The connections of a store, shared by its callers.
///
/// The pool has no tasks: its code runs in its callers and on the I/O thread. `PoolState` makes the decisions.
final class ConnectionPool: IOHandler {
    private typealias Reply = Promise<Result<Lease, PostgresError>>

    /// A connection that a caller uses and then releases.
    struct Lease: Sendable {
        fileprivate let id: PoolState.ConnectionID
        let connection: Connection
    }

    private struct State {
        var machine: PoolState
        var connections: [PoolState.ConnectionID: Connection] = [:]
        var replies: [PoolState.RequestID: Reply] = [:]
        var finished: CheckedContinuation<Void, Never>?
        var isFinished = false
        var lastError: PostgresError?
        var log = OutageLog()
    }

    /// The innermost transaction in whose body the task is.
    @TaskLocal static var holder: (any ConnectionHolder)?

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

    /// Why the last connection could not be opened or was lost; `nil` if there is an open one.
    var problem: PostgresError? {
        self.state.withLock { $0.machine.isUp ? nil : $0.lastError ?? PostgresError(.unavailable) }
    }

    func start() {
        self.thread.add(self)
        self.update { machine, _ in machine.start() }
    }

    /// Waits until all connections have been released, for `grace` at most, then closes them.
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

    /// Sends statements on the least busy connection, as one implicit transaction.
    func run(_ statements: [Statement]) async throws(PostgresError) -> SegmentOutcome {
        try await self.send { await $0.run(statements) }
    }

    /// Sends a statement that changes nothing, possibly together with other reads.
    func read(_ statement: Statement) async throws(PostgresError) -> SegmentOutcome {
        try await self.send { await $0.run([statement], sharing: .reads) }
    }

    /// Sends the inserts of a transaction, possibly together with those of others.
    func insert(_ statements: [Statement]) async throws(PostgresError) -> SegmentOutcome {
        try await self.send(.together) { connection in
            let outcome = await connection.run(statements, sharing: .inserts)
            guard case .failed(let failure, _) = outcome, failure.isShared else { return outcome }
            self.state.withLock { $0.machine.sharedCommitFailed() }
            return await self.runAlone(statements, ratherNotOn: connection)
        }
    }

    /// Runs a transaction that has failed a batch: on another connection if there is one now, so that it does not delay the batch.
    private func runAlone(_ statements: [Statement], ratherNotOn connection: Connection) async -> SegmentOutcome {
        guard let lease = self.leaseNow(.shared) else { return await connection.run(statements) }
        let outcome = await lease.connection.run(statements)
        if case .notSent = outcome {
            self.release(lease, .shared, isReusable: false)
            return await connection.run(statements)
        }
        self.release(lease, .shared)
        return outcome
    }

    private func send(
        _ use: PoolState.Use = .shared,
        _ body: (Connection) async -> SegmentOutcome
    ) async throws(PostgresError) -> SegmentOutcome {
        var outcome = SegmentOutcome.notSent(.silent)
        // Each connection may have ended while it was idle, and an outdated prepared statement fails once.
        for _ in 0..<self.attempts {
            let lease = try await self.lease(use)
            outcome = await body(lease.connection)
            if case .notSent = outcome {
                self.release(lease, use, isReusable: false)
                continue
            }
            self.release(lease, use)
            switch outcome {
            case .failed(let failure, _) where failure.invalidatesPreparedStatement: continue
            default: return outcome
            }
        }
        return outcome
    }

    func lease(_ use: PoolState.Use) async throws(PostgresError) -> Lease {
        if let lease = self.leaseNow(use) { return lease }
        let reply = Reply()
        let request = self.request(use, reply)
        // The pool answers each request once: when the task is cancelled, with that failure or with a connection that it has
        // just assigned. Whoever stopped waiting here would never give that connection back.
        return try await withTaskCancellationHandler {
            await reply.waitIgnoringCancellation()
        } onCancel: {
            self.update { machine, _ in machine.cancel(request) }
        }.get()
    }

    private func request(_ use: PoolState.Use, _ reply: Reply) -> PoolState.RequestID {
        let isHolder = Self.holder?.holdsConnection(of: self) ?? false
        var request: PoolState.RequestID = 0
        self.change { state, now in
            let (id, actions) = state.machine.request(use, byHolder: isHolder, now: now)
            state.replies[id] = reply
            request = id
            return actions
        }
        return request
    }

    /// A connection, if one is available without waiting and without opening one.
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

    // MARK: On the I/O thread

    func interest() -> IOInterest { IOInterest(deadline: self.state.withLock { $0.machine.deadline }) }

    func serve(now: ContinuousClock.Instant, hasMoved: Bool) {
        self.update { machine, _ in machine.tick(now: now) }
    }

    func endTurn() {}

    func abandon() {
        self.update { machine, _ in machine.shutDown() }
    }

    private func connectionChanged(_ id: PoolState.ConnectionID, _ event: ConnectionEvent) {
        let jitter = self.jitter()
        if case .closed(let error) = event, error.code != .closed {
            // What could not be opened; sessions that end are replaced first.
            let isRefusal = error.code == .unavailable
            let level = isRefusal ? self.state.withLock { $0.log.levelOfNextFailure() } : .info
            self.logger.log(level: level, "A database connection failed", error: error, metadata: error.metadata)
        }
        self.change { state, now in
            switch event {
            case .opened:
                state.lastError = nil
                state.log.connected()
                return state.machine.opened(id, now: now)
            case .notified: return []
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
        case reply(Reply, Result<Lease, PostgresError>)
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
            case .reply(let reply, let result): reply.fulfill(result)
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
            guard let reply = state.replies.removeValue(forKey: request), let connection = state.connections[id]
            else { return nil }
            return .reply(reply, .success(Lease(id: id, connection: connection)))
        case .fail(let request, let code):
            guard let reply = state.replies.removeValue(forKey: request) else { return nil }
            return .reply(reply, .failure(PostgresError(code, detail: state.lastError?.detail ?? "")))
        case .finished:
            state.isFinished = true
            defer { state.finished = nil }
            return state.finished.map { .finish($0) }
        }
    }
}
