// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

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
        case refused
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

    /// Who waits for the answer to a segment.
    private enum Sending {
        case segment(Waiter, [Statement])
        case reads([Read])
    }

    private struct Read {
        let statement: Statement
        let waiter: Waiter
    }

    /// With TLS, decrypted bytes can wait inside of OpenSSL while the socket is silent, so libpq is asked again.
    private static let recheck: Duration = .milliseconds(20)
    /// From here on libpq flushes while it is being fed, and may read while it does.
    private static let flushThreshold = 32_768
    /// Reads that go out together at most, so that the first isn't answered late.
    private static let readBatch = 64

    private let mode: ConnectionMode
    private let timeouts: Timeouts
    private var wire: Wire?
    private var phase: Phase = .closed
    private var pipeline = Pipeline()
    private var statements = StatementCache()
    private var sendings: [Pipeline.SegmentID: Sending] = [:]
    private var nextID: Pipeline.SegmentID = 0
    /// Reads that go out when those before them are answered.
    private var waitingReads: Deque<Read> = []
    private var hasReadsUnderWay = false
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
        guard self.canSend(.pipeline) else { return .refused }
        return self.send(statements, .segment(waiter, statements), now: now)
    }

    /// Sends a statement that changes nothing, or keeps it until the reads under way are answered: all that came meanwhile
    /// go out with one Sync.
    ///
    /// - Parameter isTurn: the I/O thread is the caller; it sends at the end of its turn, when there may be more.
    mutating func send(read: Statement, to waiter: Waiter, isTurn: Bool, now: ContinuousClock.Instant) -> Sent {
        guard self.canSend(.pipeline) else { return .refused }
        let read = Read(statement: read, waiter: waiter)
        guard self.hasReadsUnderWay || isTurn else { return self.send([read], now: now) }
        self.waitingReads.append(read)
        self.isDue = self.isDue || !self.hasReadsUnderWay
        return .entirely
    }

    private mutating func send(_ reads: [Read], now: ContinuousClock.Instant) -> Sent {
        let sent = self.send(reads.map(\.statement), .reads(reads), now: now)
        if case .refused = sent { return sent }
        self.hasReadsUnderWay = true
        return sent
    }

    private mutating func sendWaitingReads(now: ContinuousClock.Instant) {
        guard !self.waitingReads.isEmpty, !self.hasReadsUnderWay, self.failure == nil else { return }
        let reads = Array(self.waitingReads.prefix(Self.readBatch))
        // What can't be sent stays, and is given back when the session ends.
        if case .refused = self.send(reads, now: now) { return }
        self.waitingReads.removeFirst(reads.count)
    }

    private mutating func send(_ statements: [Statement], _ sending: Sending, now: ContinuousClock.Instant) -> Sent {
        var entries: [Pipeline.Entry] = []
        entries.reserveCapacity(statements.count + 1)
        var size = 0
        for statement in statements {
            guard let length = self.send(statement, &entries) else {
                // Without its Sync the server never commits what may have left.
                self.fail(PostgresError(.connectionLost))
                return .refused
            }
            size += length
        }
        entries.append(.sync)
        self.enqueue(entries, sending, now: now)
        if self.wire?.sync() != true { self.fail(PostgresError(.connectionLost)) }
        return self.flush(isLarge: size > Self.flushThreshold)
    }

    /// Returns how many bytes it took; nil when it could not be sent.
    private mutating func send(_ statement: Statement, _ entries: inout [Pipeline.Entry]) -> Int? {
        if let name = self.statements.name(of: statement.sql) {
            entries.append(.execute)
            return self.wire?.execute(name, statement.parameters)
        }
        let name = self.statements.add(statement.sql)
        guard self.wire?.prepare(statement, as: name) == true else { return nil }
        entries += [.prepare(name: name), .execute]
        let length = self.wire?.execute(name, statement.parameters)
        return length.map { $0 + statement.sql.text.utf8.count }
    }

    mutating func send(script: String, to waiter: Waiter, now: ContinuousClock.Instant) -> Sent {
        guard self.canSend(.script), self.pipeline.isEmpty else { return .refused }
        guard self.wire?.sendScript(script) == true else {
            self.fail(PostgresError(.connectionLost))
            return .refused
        }
        self.enqueue([.script], .segment(waiter, []), now: now)
        return self.flush(isLarge: script.utf8.count > Self.flushThreshold)
    }

    /// Looks, before the first byte, whether the session is still there: then another can be taken without doubt about the
    /// outcome.
    private mutating func canSend(_ mode: ConnectionMode) -> Bool {
        guard self.mode == mode, case .open = self.phase, self.failure == nil else { return false }
        guard self.pipeline.isEmpty, self.wire?.hasEnded() == true else { return true }
        self.fail(PostgresError(.connectionLost, detail: "the server has ended the session"))
        return false
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
        self.sendWaitingReads(now: now)
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
        switch self.sendings.removeValue(forKey: id) {
        case nil: break
        case .segment(let waiter, let statements):
            if case .failed(let failure, let index) = outcome, statements.indices.contains(index) {
                self.forget(statements[index], after: failure)
            }
            effects.resumptions.append((waiter, outcome))
        case .reads(let reads):
            self.hasReadsUnderWay = false
            self.complete(reads, outcome, &effects)
        }
    }

    /// Gives each read its own answer.
    private mutating func complete(_ reads: [Read], _ outcome: SegmentOutcome, _ effects: inout Effects) {
        switch outcome {
        case .completed(let results) where results.count == reads.count:
            for (read, result) in zip(reads, results) {
                effects.resumptions.append((read.waiter, .completed([result])))
            }
        case .failed(let failure, let index) where reads.indices.contains(index):
            self.forget(reads[index].statement, after: failure)
            effects.resumptions.append((reads[index].waiter, .failed(failure, at: 0)))
            // The others are simply sent again, as they change nothing.
            self.waitingReads.insert(contentsOf: reads[..<index] + reads[(index + 1)...], at: 0)
        default:
            for read in reads { effects.resumptions.append((read.waiter, outcome)) }
        }
    }

    private mutating func forget(_ statement: Statement, after failure: ServerFailure) {
        if failure.state.spoilsPreparedStatement { self.statements.forget(sql: statement.sql) }
    }

    private mutating func end(_ failure: PostgresError, _ effects: inout Effects) {
        if case .closed = self.phase { return }
        for (id, outcome) in self.pipeline.failAll() { self.complete(id, outcome, &effects) }
        for read in self.waitingReads { effects.resumptions.append((read.waiter, .notSent)) }
        self.waitingReads = []
        self.wire = nil
        self.phase = .closed
        effects.event = .closed(failure)
    }
}
