// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The part of a connection behind its lock: the session with the server, and the callers that wait for answers.
struct ConnectionCore: ~Copyable {
    typealias Waiter = CheckedContinuation<Answer, Never>

    private enum Phase {
        case opening
        case open
        case closed
    }

    /// Above this size libpq flushes while statements are being added, and may read input as it does.
    private static let flushThreshold = 32_768

    private let mode: ConnectionMode
    private let timeouts: Timeouts
    private var opening: SessionOpening?
    private var libpq: LibpqConnection?
    private var mustBeWritable = false
    private(set) var isPooled = false
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

    mutating func open(_ parameters: ConnectionParameters, now: ContinuousClock.Instant) {
        self.mustBeWritable = parameters.mustBeWritable
        self.opening = SessionOpening(parameters, deadline: now + self.timeouts.connect)
        self.phase = .opening
    }

    mutating func found(_ addresses: Result<[String], PostgresError>, at place: Int) {
        self.opening?.found(addresses, at: place)
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
        _ items: [SharedQueue<Waiter>.Item],
        of kind: SharedQueue<Waiter>.Kind,
        now: ContinuousClock.Instant
    ) -> Sent {
        guard self.canSend(.pipeline) else { return .refused(self.loss) }
        let batch = SharedBatch(items, of: kind)
        return self.send(PendingSegment(statements: batch.statements, receiver: .batch(kind, batch)), now: now)
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
        if case .opening = self.phase { interest = self.opening?.interest() ?? interest }
        interest.isDue = interest.isDue || self.isDue || self.failure != nil
        switch self.phase {
        case .opening: break
        case .open:
            interest.descriptor = self.libpq?.descriptor ?? -1
            interest.wantsRead = true
            interest.wantsWrite = self.needsFlush
            guard !self.pipeline.isEmpty else { break }
            interest.deadline = self.timeouts.response.map { self.lastProgress + $0 }
            guard self.libpq?.usesTLS == true else { break }
            interest.deadline = min(interest.deadline ?? .now + LibpqConnection.recheck, .now + LibpqConnection.recheck)
        case .closed: interest.isDue = false
        }
        return interest
    }

    mutating func serve(now: ContinuousClock.Instant, hasMoved: Bool) -> Effects {
        var effects = Effects()
        self.isDue = false
        if self.failure == nil {
            switch self.phase {
            case .opening: self.proceed(now: now, &effects)
            case .open: self.read(now: now, hasMoved: hasMoved, &effects)
            case .closed: break
            }
        }
        if let failure = self.failure { self.end(failure, &effects) }
        return effects
    }

    private mutating func proceed(now: ContinuousClock.Instant, _ effects: inout Effects) {
        switch self.opening?.serve(now: now) ?? .waiting {
        case .waiting: break
        case .lookUp(let host, let place): effects.lookUp = (host, place)
        case .failed(let error): self.fail(error)
        case .opened:
            self.isPooled = self.opening?.isPooled == true
            self.libpq = self.opening.take()?.finish()
            guard self.mode == .script || self.libpq?.enterPipeline() == true else {
                return self.fail(PostgresError(.unavailable, detail: "no pipeline mode"))
            }
            self.phase = .open
            effects.event = .opened
        }
    }

    private mutating func read(now: ContinuousClock.Instant, hasMoved: Bool, _ effects: inout Effects) {
        let isAlive = self.libpq?.consumeInput() == true
        self.receive(&effects)
        // If no answer is due, this makes libpq process notices and changed settings.
        if self.pipeline.isEmpty { _ = self.libpq?.isBusy }
        effects.isNotified = self.libpq?.takeNotifications() == true
        guard isAlive, self.libpq?.isBad == false else {
            return self.fail(self.sessionEnded())
        }
        self.needsFlush = self.libpq?.flush() == true
        self.noteProgress(hasMoved, now: now)
    }

    private mutating func noteProgress(_ hasMoved: Bool, now: ContinuousClock.Instant) {
        guard !hasMoved, !self.pipeline.isEmpty, let limit = self.timeouts.response else {
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
        var outcome = outcome
        if case .failed(var failure, let index) = outcome, segment.statements.indices.contains(index) {
            let statement = segment.statements[index]
            if failure.invalidatesPreparedStatement { self.statements.forget(sql: statement.sql) }
            failure.statement = statement.sql.summary
            outcome = .failed(failure, at: index)
        }
        if case .failed(let failure, _) = outcome, failure.state == .readOnlyTransaction, self.mustBeWritable {
            // Another server may have taken over: a new session looks for it.
            self.fail(PostgresError(.connectionLost, detail: "the server has become read-only"))
        }
        switch segment.receiver {
        case .one(let waiter): effects.resumptions.append((waiter, Answer(outcome: outcome)))
        case .batch(let kind, let batch): effects.batches.append((kind, batch, outcome))
        }
    }

    private mutating func end(_ failure: PostgresError, _ effects: inout Effects) {
        if case .closed = self.phase { return }
        for (id, outcome) in self.pipeline.failAll(self.loss) { self.complete(id, outcome, &effects) }
        effects.loss = self.loss
        self.opening = nil
        self.libpq = nil
        self.phase = .closed
        effects.event = .closed(failure)
    }
}
