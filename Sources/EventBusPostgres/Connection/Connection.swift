// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// One session with the server.
///
/// Callers send from their own threads, under the connection's lock; the I/O thread reads the answers and resumes the
/// callers.
final class Connection: IOHandler {
    private typealias Queue = SharedQueue<ConnectionCore.Waiter>

    private struct Queues: Sendable {
        var reads = Queue(.reads)
        var inserts = Queue(.inserts)

        var deadline: ContinuousClock.Instant? {
            guard let ofReads = self.reads.deadline else { return self.inserts.deadline }
            return self.inserts.deadline.map { min($0, ofReads) } ?? ofReads
        }

        subscript(_ kind: Queue.Kind) -> Queue {
            get { kind == .reads ? self.reads : self.inserts }
            _modify {
                switch kind {
                case .reads: yield &self.reads
                case .inserts: yield &self.inserts
                }
            }
        }
    }

    private let core: Mutex<ConnectionCore>
    /// Behind a lock of their own, so that nobody who only enters one waits while others are sent or answers are decoded.
    private let queues = Mutex(Queues())
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

    /// Sends the statements together with those of other callers, and waits for the answer.
    ///
    /// They succeed together or fail by themselves.
    func run(_ statements: [Statement], sharing kind: SharedQueue<ConnectionCore.Waiter>.Kind) async -> SegmentOutcome {
        let isOnIOThread = self.thread.isCurrent
        let answer = await withCheckedContinuation { continuation in
            let item = Queue.Item(statements: statements, waiter: continuation)
            switch self.queues.withLock({ $0[kind].enter(item, isOnIOThread: isOnIOThread) }) {
            case .wait: break
            case .send: self.send([item], of: kind)
            case .refused(let loss): continuation.resume(returning: ConnectionCore.Answer(outcome: .notSent(loss)))
            }
        }
        if answer.isLastOfBatch {
            let isOnIOThread = self.thread.isCurrent
            self.send(self.queues.withLock { $0[kind].lastHasReturned(isOnIOThread: isOnIOThread) }, of: kind)
        }
        return answer.outcome
    }

    private func send(_ batch: [Queue.Item], of kind: Queue.Kind) {
        guard !batch.isEmpty else { return }
        switch self.core.withLock({ $0.send(batch, of: kind, now: .now) }) {
        case .entirely: break
        case .partly: self.thread.wake()
        case .refused(let loss):
            self.queues.withLock { $0[kind].didNotSend() }
            self.thread.wake()
            for item in batch { item.waiter.resume(returning: ConnectionCore.Answer(outcome: .notSent(loss))) }
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
                continuation.resume(returning: ConnectionCore.Answer(outcome: .notSent(loss)))
            }
        }.outcome
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

    func interest() -> IOInterest {
        var interest = self.core.withLock { $0.interest() }
        if let end = self.queues.withLock({ $0.deadline }) { interest.deadline = min(interest.deadline ?? end, end) }
        return interest
    }

    func serve(now: ContinuousClock.Instant, hasMoved: Bool) {
        var effects = self.core.withLock { $0.serve(now: now, hasMoved: hasMoved) }
        if case .closed = effects.event { self.thread.remove(self) }
        if let (host, place) = effects.lookUp { self.lookUp(host, at: place) }
        let batches = effects.batches.map { kind, batch, outcome in
            self.queues.withLock { $0[kind].complete(batch, outcome, now: now) }
        }
        if let loss = effects.loss {
            let unsent = self.queues.withLock { $0.reads.close(loss) + $0.inserts.close(loss) }
            effects.resumptions += unsent.map { ($0.waiter, ConnectionCore.Answer(outcome: .notSent(loss))) }
        }
        for answers in batches {
            for (index, (waiter, outcome)) in answers.enumerated() {
                let isLast = index == answers.count - 1
                waiter.resume(returning: ConnectionCore.Answer(outcome: outcome, isLastOfBatch: isLast))
            }
        }
        for (continuation, outcome) in effects.resumptions { continuation.resume(returning: outcome) }
        if effects.isNotified { self.onEvent(.notified) }
        if let event = effects.event { self.onEvent(event) }
    }

    func endTurn() {
        let now = ContinuousClock.now
        let (reads, inserts) = self.queues.withLock { ($0.reads.endTurn(now: now), $0.inserts.endTurn(now: now)) }
        self.send(reads, of: .reads)
        self.send(inserts, of: .inserts)
    }
}
