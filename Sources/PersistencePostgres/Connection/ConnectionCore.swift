// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The part of a connection behind its lock: the wire, and who waits for which answer.
struct ConnectionCore: ~Copyable {
    typealias Waiter = CheckedContinuation<SegmentOutcome, Never>

    struct Timeouts: Sendable {
        var connect: Duration
        /// The server is given up when nothing arrives for this long although something is due; nil: never.
        var response: Duration?
    }

    enum Sent {
        case entirely
        /// The rest needs the I/O thread.
        case partly
        /// Nothing that could take effect has left.
        case refused(Waiter)
    }

    struct Effects {
        var resumptions: [(Waiter, SegmentOutcome)] = []
        var event: ConnectionEvent?
    }

    private enum Phase {
        case resolving(deadline: ContinuousClock.Instant)
        case connecting(Wire.Progress, deadline: ContinuousClock.Instant)
        case open
        case closed
    }

    private struct Sending {
        let waiter: Waiter
        let statements: [Statement]
    }

    /// With TLS, decrypted bytes can wait inside of OpenSSL while the socket is silent, so libpq is asked again.
    private static let recheck: Duration = .milliseconds(20)
    /// From here on libpq flushes while it is being fed, and may read while it does.
    private static let flushThreshold = 32_768

    private let mode: ConnectionMode
    private let timeouts: Timeouts
    private var wire: Wire?
    private var phase: Phase = .closed
    private var pipeline = Pipeline()
    private var statements = StatementCache()
    private var sendings: [Pipeline.SegmentID: Sending] = [:]
    private var nextID: Pipeline.SegmentID = 0
    private var needsFlush = false
    private var isDue = false
    private var lastProgress: ContinuousClock.Instant = .now
    private var failure: PostgresError?

    init(mode: ConnectionMode, timeouts: Timeouts) {
        self.mode = mode
        self.timeouts = timeouts
    }

    mutating func beginResolving(now: ContinuousClock.Instant) {
        self.phase = .resolving(deadline: now + self.timeouts.connect)
    }

    mutating func beginConnecting(_ keywords: [(String, String)]) {
        guard case .resolving(let deadline) = self.phase, self.failure == nil else { return }
        guard let wire = Wire(parameters: keywords) else {
            return self.fail(PostgresError(.unavailable, detail: "out of memory"))
        }
        // PQconnectPoll wants to be waited for as if it were writing at first.
        self.wire = consume wire
        self.phase = .connecting(.writing, deadline: deadline)
    }

    /// The I/O thread ends the session at its next turn: only it closes descriptors, since it may be waiting on them.
    mutating func fail(_ error: PostgresError) {
        if self.failure == nil { self.failure = error }
    }

    // MARK: Sending

    mutating func send(_ statements: [Statement], to waiter: Waiter, now: ContinuousClock.Instant) -> Sent {
        guard self.mode == .pipeline, self.canSend else { return .refused(waiter) }
        if self.pipeline.isEmpty, self.wire?.hasEnded() == true {
            // Nothing has been sent yet, so that another session can be taken without doubt about the outcome.
            self.fail(PostgresError(.connectionLost, detail: "the server has ended the session"))
            return .refused(waiter)
        }
        var entries: [Pipeline.Entry] = []
        entries.reserveCapacity(statements.count + 1)
        var size = 0
        for statement in statements {
            guard self.send(statement, &entries) else {
                // Without its Sync the server never commits what may have left.
                self.fail(PostgresError(.connectionLost))
                return .refused(waiter)
            }
            size += statement.parameters.reduce(statement.sql.utf8.count) { $0 + ($1.bytes?.count ?? 0) }
        }
        entries.append(.sync)
        self.enqueue(entries, Sending(waiter: waiter, statements: statements), now: now)
        if self.wire?.sync() != true { self.fail(PostgresError(.connectionLost)) }
        return self.flush(isLarge: size > Self.flushThreshold)
    }

    private mutating func send(_ statement: Statement, _ entries: inout [Pipeline.Entry]) -> Bool {
        var name = self.statements.name(of: statement.sql)
        if name == nil {
            let fresh = self.statements.add(statement.sql)
            guard self.wire?.prepare(statement, as: fresh) == true else { return false }
            entries.append(.prepare(name: fresh))
            name = fresh
        }
        guard let name, self.wire?.execute(name, statement.parameters) == true else { return false }
        entries.append(.execute)
        return true
    }

    mutating func send(script: String, to waiter: Waiter, now: ContinuousClock.Instant) -> Sent {
        guard self.mode == .script, self.canSend, self.pipeline.isEmpty else { return .refused(waiter) }
        guard self.wire?.sendScript(script) == true else {
            self.fail(PostgresError(.connectionLost))
            return .refused(waiter)
        }
        self.enqueue([.script], Sending(waiter: waiter, statements: []), now: now)
        return self.flush(isLarge: script.utf8.count > Self.flushThreshold)
    }

    private var canSend: Bool {
        guard case .open = self.phase else { return false }
        return self.failure == nil
    }

    private mutating func enqueue(_ entries: [Pipeline.Entry], _ sending: Sending, now: ContinuousClock.Instant) {
        if self.pipeline.isEmpty { self.lastProgress = now }
        self.pipeline.enqueue(entries, as: self.nextID)
        self.sendings[self.nextID] = sending
        self.nextID += 1
    }

    private mutating func flush(isLarge: Bool) -> Sent {
        self.needsFlush = self.wire?.flush() == true
        guard self.needsFlush || isLarge || self.failure != nil else { return .entirely }
        self.isDue = true
        return .partly
    }

    // MARK: On the I/O thread

    mutating func interest() -> IOInterest {
        var interest = IOInterest()
        interest.isDue = self.isDue || self.failure != nil
        switch self.phase {
        case .resolving(let deadline): interest.deadline = deadline
        case .connecting(let progress, let deadline):
            interest.descriptor = self.wire?.descriptor ?? -1
            interest.wantsRead = progress == .reading
            interest.wantsWrite = progress == .writing
            interest.deadline = deadline
        case .open:
            interest.descriptor = self.wire?.descriptor ?? -1
            interest.wantsRead = true
            interest.wantsWrite = self.needsFlush
            guard !self.pipeline.isEmpty else { break }
            interest.deadline = self.timeouts.response.map { self.lastProgress + $0 }
            guard self.wire?.usesTLS == true else { break }
            interest.deadline = min(interest.deadline ?? .now + Self.recheck, .now + Self.recheck)
        case .closed: interest.isDue = false
        }
        return interest
    }

    mutating func serve(now: ContinuousClock.Instant, isReadable: Bool) -> Effects {
        var effects = Effects()
        self.isDue = false
        if self.failure == nil {
            switch self.phase {
            case .resolving(let deadline): self.expire(deadline, now: now)
            case .connecting(_, let deadline): self.proceed(deadline: deadline, now: now, &effects)
            case .open: self.read(now: now, isReadable: isReadable, &effects)
            case .closed: break
            }
        }
        if let failure = self.failure { self.end(failure, &effects) }
        return effects
    }

    private mutating func expire(_ deadline: ContinuousClock.Instant, now: ContinuousClock.Instant) {
        guard deadline <= now else { return }
        self.fail(PostgresError(.unavailable, detail: "connecting took too long"))
    }

    private mutating func proceed(
        deadline: ContinuousClock.Instant,
        now: ContinuousClock.Instant,
        _ effects: inout Effects
    ) {
        switch self.wire?.connect() ?? .failed {
        case .connected:
            guard self.wire?.enterNonBlocking(pipeline: self.mode == .pipeline) == true else {
                return self.fail(PostgresError(.unavailable, detail: "no pipeline mode"))
            }
            self.phase = .open
            effects.event = .opened
        case .failed:
            self.fail(PostgresError(.unavailable, detail: self.wire?.errorMessage ?? ""))
        case let progress:
            self.phase = .connecting(progress, deadline: deadline)
            self.expire(deadline, now: now)
        }
    }

    private mutating func read(now: ContinuousClock.Instant, isReadable: Bool, _ effects: inout Effects) {
        let isAlive = self.wire?.consumeInput() == true
        self.receive(&effects)
        // With nothing awaited this lets libpq look at notices and changed settings.
        if self.pipeline.isEmpty { _ = self.wire?.isBusy }
        guard isAlive, self.wire?.isBad == false else {
            return self.fail(PostgresError(.connectionLost, detail: self.wire?.errorMessage ?? ""))
        }
        self.needsFlush = self.wire?.flush() == true
        self.noteProgress(isReadable, now: now)
    }

    private mutating func noteProgress(_ hasArrived: Bool, now: ContinuousClock.Instant) {
        guard !hasArrived, !self.pipeline.isEmpty, let limit = self.timeouts.response else {
            self.lastProgress = now
            return
        }
        guard self.lastProgress + limit <= now else { return }
        self.fail(PostgresError(.connectionLost, detail: "no answer in time"))
    }

    private mutating func receive(_ effects: inout Effects) {
        while !self.pipeline.isEmpty, self.wire?.isBusy == false {
            let result = self.wire?.nextResult()
            switch self.pipeline.receive(result.map { .result($0) } ?? .end) {
            case .none: break
            case .forget(let name): self.statements.forget(name: name)
            case .complete(let id, let outcome): self.complete(id, outcome, &effects)
            case .wait: return
            case .poison: return self.fail(PostgresError(.connectionLost, detail: "answers out of order"))
            }
        }
    }

    private mutating func complete(_ id: Pipeline.SegmentID, _ outcome: SegmentOutcome, _ effects: inout Effects) {
        guard let sending = self.sendings.removeValue(forKey: id) else { return }
        if case .failed(let failure, let index) = outcome, failure.state.spoilsPreparedStatement,
            sending.statements.indices.contains(index)
        {
            self.statements.forget(sql: sending.statements[index].sql)
        }
        effects.resumptions.append((sending.waiter, outcome))
    }

    private mutating func end(_ failure: PostgresError, _ effects: inout Effects) {
        if case .closed = self.phase { return }
        for (id, outcome) in self.pipeline.failAll() { self.complete(id, outcome, &effects) }
        self.wire = nil
        self.phase = .closed
        effects.event = .closed(failure)
    }
}
