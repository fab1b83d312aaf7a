// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The part of a connection behind its lock: the session with the server, and the callers that wait for answers.
struct ConnectionCore: ~Copyable {
    typealias Waiter = CheckedContinuation<SegmentOutcome, Never>

    private enum Phase {
        case resolving(deadline: ContinuousClock.Instant)
        case connecting(LibpqConnection.Progress, deadline: ContinuousClock.Instant)
        case open
        case closed
    }

    /// With TLS, OpenSSL can hold decrypted bytes while the socket is silent, so libpq is polled.
    private static let recheck: Duration = .milliseconds(20)
    /// Above this size libpq flushes while statements are being added, and may read input as it does.
    private static let flushThreshold = 32_768

    private let mode: ConnectionMode
    private let timeouts: Timeouts
    private var libpq: LibpqConnection?
    private var phase: Phase = .closed
    private var pipeline = Pipeline()
    private var statements = StatementCache()
    private var pending: [Pipeline.SegmentID: PendingSegment<Waiter>] = [:]
    private var nextID: Pipeline.SegmentID = 0
    private var needsFlush = false
    private var isDue = false
    private var lastProgress: ContinuousClock.Instant = .now
    private var failure: PostgresError?
    private var endedBy: ServerFailure?

    init(mode: ConnectionMode, timeouts: Timeouts) {
        self.mode = mode
        self.timeouts = timeouts
    }

    mutating func beginResolving(now: ContinuousClock.Instant) {
        self.phase = .resolving(deadline: now + self.timeouts.connect)
    }

    mutating func beginConnecting(_ keywords: [(String, String)]) {
        guard case .resolving(let deadline) = self.phase, self.failure == nil else { return }
        guard let libpq = LibpqConnection(parameters: keywords) else {
            return self.fail(PostgresError(.unavailable, detail: "out of memory"))
        }
        // Before its first call PQconnectPoll requires that the socket is writable.
        self.libpq = consume libpq
        self.phase = .connecting(.writing, deadline: deadline)
    }

    /// Makes the I/O thread end the session at its next turn.
    ///
    /// Only that thread closes descriptors, as it may be polling them.
    mutating func fail(_ error: PostgresError) {
        if self.failure == nil { self.failure = error }
    }

    // MARK: Sending

    mutating func send(_ statements: [Statement], to waiter: Waiter, now: ContinuousClock.Instant) -> Sent {
        guard self.canSend(.pipeline) else { return .refused(self.loss) }
        return self.send(PendingSegment(statements: statements, receiver: .one(waiter)), now: now)
    }

    /// Sends what a queue has returned.
    mutating func send(
        _ batch: [SharedQueue<Waiter>.Item],
        of kind: SharedQueue<Waiter>.Kind,
        now: ContinuousClock.Instant
    ) -> Sent {
        guard self.canSend(.pipeline) else { return .refused(self.loss) }
        let statements = batch.flatMap(\.statements)
        return self.send(PendingSegment(statements: statements, receiver: .batch(kind, batch)), now: now)
    }

    private mutating func send(_ segment: PendingSegment<Waiter>, now: ContinuousClock.Instant) -> Sent {
        guard let sent = self.libpq?.send(segment.statements, preparing: &self.statements) else {
            // The server does not commit statements that are not followed by a Sync.
            self.fail(PostgresError(.connectionLost))
            return .refused(self.loss)
        }
        self.enqueue(sent.entries, segment, now: now)
        if self.libpq?.sync() != true { self.fail(PostgresError(.connectionLost)) }
        return self.flush(isLarge: sent.size > Self.flushThreshold)
    }

    mutating func send(script: String, to waiter: Waiter, now: ContinuousClock.Instant) -> Sent {
        guard self.canSend(.script), self.pipeline.isEmpty else { return .refused(self.loss) }
        guard self.libpq?.sendScript(script) == true else {
            self.fail(PostgresError(.connectionLost))
            return .refused(self.loss)
        }
        self.enqueue([.script], PendingSegment(statements: [], receiver: .one(waiter)), now: now)
        return self.flush(isLarge: script.utf8.count > Self.flushThreshold)
    }

    /// Checks before the first byte whether the session has ended.
    ///
    /// If it has, another one can be used, as nothing has been sent that could have taken effect.
    private mutating func canSend(_ mode: ConnectionMode) -> Bool {
        guard self.mode == mode, case .open = self.phase, self.failure == nil else { return false }
        guard self.pipeline.isEmpty, self.libpq?.hasEnded() == true else { return true }
        self.fail(self.sessionEnded())
        return false
    }

    /// Why nothing can be sent any longer.
    private var loss: SessionLoss {
        if let endedBy = self.endedBy { return .reported(endedBy) }
        return self.failure?.code == .noAnswer ? .noAnswer : .silent
    }

    private mutating func sessionEnded() -> PostgresError {
        self.endedBy = self.libpq?.endedBy ?? self.endedBy
        guard let endedBy = self.endedBy else {
            return PostgresError(.connectionLost, detail: self.libpq?.errorMessage ?? "")
        }
        return PostgresError(.connectionLost, detail: "the server has ended the session (\(endedBy.state.code))")
    }

    private mutating func enqueue(
        _ entries: [Pipeline.Entry],
        _ segment: PendingSegment<Waiter>,
        now: ContinuousClock.Instant
    ) {
        if self.pipeline.isEmpty { self.lastProgress = now }
        self.pipeline.enqueue(entries, as: self.nextID)
        self.pending[self.nextID] = segment
        self.nextID += 1
    }

    private mutating func flush(isLarge: Bool) -> Sent {
        self.needsFlush = self.libpq?.flush() == true
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
            interest.descriptor = self.libpq?.descriptor ?? -1
            interest.wantsRead = progress == .reading
            interest.wantsWrite = progress == .writing
            interest.deadline = deadline
        case .open:
            interest.descriptor = self.libpq?.descriptor ?? -1
            interest.wantsRead = true
            interest.wantsWrite = self.needsFlush
            guard !self.pipeline.isEmpty else { break }
            interest.deadline = self.timeouts.response.map { self.lastProgress + $0 }
            guard self.libpq?.usesTLS == true else { break }
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
        self.fail(PostgresError(.unavailable, detail: "connecting timed out"))
    }

    private mutating func proceed(
        deadline: ContinuousClock.Instant,
        now: ContinuousClock.Instant,
        _ effects: inout Effects
    ) {
        switch self.libpq?.connect() ?? .failed {
        case .connected:
            guard self.libpq?.enterNonBlocking(pipeline: self.mode == .pipeline) == true else {
                return self.fail(PostgresError(.unavailable, detail: "no pipeline mode"))
            }
            self.phase = .open
            effects.event = .opened
        case .failed:
            self.fail(PostgresError(.unavailable, detail: self.libpq?.errorMessage ?? ""))
        case let progress:
            self.phase = .connecting(progress, deadline: deadline)
            self.expire(deadline, now: now)
        }
    }

    private mutating func read(now: ContinuousClock.Instant, isReadable: Bool, _ effects: inout Effects) {
        let isAlive = self.libpq?.consumeInput() == true
        self.receive(&effects)
        // If no answer is due, this makes libpq process notices and changed settings.
        if self.pipeline.isEmpty { _ = self.libpq?.isBusy }
        guard isAlive, self.libpq?.isBad == false else {
            return self.fail(self.sessionEnded())
        }
        self.needsFlush = self.libpq?.flush() == true
        self.noteProgress(isReadable, now: now)
    }

    private mutating func noteProgress(_ hasArrived: Bool, now: ContinuousClock.Instant) {
        guard !hasArrived, !self.pipeline.isEmpty, let limit = self.timeouts.response else {
            self.lastProgress = now
            return
        }
        guard self.lastProgress + limit <= now else { return }
        self.fail(PostgresError(.noAnswer, detail: "no answer in time"))
    }

    private mutating func receive(_ effects: inout Effects) {
        while !self.pipeline.isEmpty, self.libpq?.isBusy == false {
            let result = self.libpq?.nextResult()
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
        guard let segment = self.pending.removeValue(forKey: id) else { return }
        if case .failed(let failure, let index) = outcome, failure.invalidatesPreparedStatement,
            segment.statements.indices.contains(index)
        {
            self.statements.forget(sql: segment.statements[index].sql)
        }
        switch segment.receiver {
        case .one(let waiter): effects.resumptions.append((waiter, outcome))
        case .batch(let kind, let batch): effects.batches.append((kind, batch, outcome))
        }
    }

    private mutating func end(_ failure: PostgresError, _ effects: inout Effects) {
        if case .closed = self.phase { return }
        for (id, outcome) in self.pipeline.failAll(self.loss) { self.complete(id, outcome, &effects) }
        effects.loss = self.loss
        self.libpq = nil
        self.phase = .closed
        effects.event = .closed(failure)
    }
}
