// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// One session with the server.
///
/// Callers send from their own threads, under the connection's lock; the I/O thread reads the answers and resumes the
/// callers.
final class Connection: IOHandler {
    private typealias Reads = ReadQueue<ConnectionCore.Waiter>

    private let core: Mutex<ConnectionCore>
    /// Behind a lock of its own, so that nobody who only enters it waits while others are sent or answers are decoded.
    private let reads = Mutex(Reads())
    private let thread: IOThread
    private let onEvent: @Sendable (ConnectionEvent) -> Void

    init(
        mode: ConnectionMode,
        timeouts: ConnectionCore.Timeouts,
        on thread: IOThread,
        onEvent: @escaping @Sendable (ConnectionEvent) -> Void
    ) {
        self.core = Mutex(ConnectionCore(mode: mode, timeouts: timeouts))
        self.thread = thread
        self.onEvent = onEvent
    }

    /// Starts connecting: helper threads look up the hosts, the I/O thread does the rest.
    func open(_ parameters: ConnectionParameters) {
        self.core.withLock { $0.open(parameters, now: .now) }
        self.thread.add(self)
    }

    /// Whether a pooler is between this side and the server.
    var isPooled: Bool { self.core.withLock { $0.isPooled } }

    private func lookUp(_ host: String, at place: Int) {
        do {
            try DetachedThread.start {
                let addresses = Result { () throws(PostgresError) in try HostLookup.addresses(of: host) }
                self.core.withLock { $0.found(addresses, at: place) }
                self.thread.wake()
            }
        } catch {
            self.core.withLock { $0.found(.failure(error), at: place) }
            self.thread.wake()
        }
    }

    /// Sends the statements and a Sync together, and waits for the answer.
    ///
    /// Cancellation does not end the wait: the answer has to be read before the connection can be used for anything
    /// else.
    func run(_ statements: [Statement]) async -> SegmentOutcome {
        await self.perform { core, waiter in core.send(statements, to: waiter, now: .now) }
    }

    /// Sends a statement that changes nothing, possibly together with other reads.
    ///
    /// Each of them fails or succeeds by itself.
    func read(_ statement: Statement) async -> SegmentOutcome {
        let isOnIOThread = self.thread.isCurrent
        return await withCheckedContinuation { continuation in
            let read = Reads.Read(statement: statement, waiter: continuation)
            switch self.reads.withLock({ $0.enter(read, isOnIOThread: isOnIOThread) }) {
            case .wait: break
            case .send: self.send([read])
            case .refused(let loss): continuation.resume(returning: .notSent(loss))
            }
        }
    }

    private func send(_ batch: [Reads.Read]) {
        guard !batch.isEmpty else { return }
        switch self.core.withLock({ $0.send(batch, now: .now) }) {
        case .entirely: break
        case .partly: self.thread.wake()
        case .refused(let loss):
            self.reads.withLock { $0.didNotSend() }
            self.thread.wake()
            for read in batch { read.waiter.resume(returning: .notSent(loss)) }
        }
    }

    /// Sends SQL text with the simple protocol.
    func run(script: String) async -> SegmentOutcome {
        await self.perform { core, waiter in core.send(script: script, to: waiter, now: .now) }
    }

    private func perform(
        _ send: (inout ConnectionCore, ConnectionCore.Waiter) -> ConnectionCore.Sent
    ) async -> SegmentOutcome {
        await withCheckedContinuation { continuation in
            switch self.core.withLock({ send(&$0, continuation) }) {
            case .entirely: break
            case .partly: self.thread.wake()
            case .refused(let loss):
                self.thread.wake()
                continuation.resume(returning: .notSent(loss))
            }
        }
    }

    /// Ends the session; callers that wait for an answer get `lost`.
    func close() {
        self.core.withLock { $0.fail(PostgresError(.closed)) }
        self.thread.wake()
    }

    func abandon() {
        self.core.withLock { $0.fail(PostgresError(.closed)) }
        self.serve(now: .now, hasMoved: false)
    }

    func interest() -> IOInterest { self.core.withLock { $0.interest() } }

    func serve(now: ContinuousClock.Instant, hasMoved: Bool) {
        var effects = self.core.withLock { $0.serve(now: now, hasMoved: hasMoved) }
        if case .closed = effects.event { self.thread.remove(self) }
        if let (host, place) = effects.lookUp { self.lookUp(host, at: place) }
        if let (batch, outcome) = effects.reads {
            effects.resumptions += self.reads.withLock { $0.complete(batch, outcome) }
        }
        if let loss = effects.loss {
            let unsent = self.reads.withLock { $0.close(loss) }
            effects.resumptions += unsent.map { ($0.waiter, .notSent(loss)) }
        }
        for (continuation, outcome) in effects.resumptions { continuation.resume(returning: outcome) }
        if effects.isNotified { self.onEvent(.notified) }
        if let event = effects.event { self.onEvent(event) }
    }

    func endTurn() {
        self.send(self.reads.withLock { $0.endTurn() })
    }
}
