// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A session that is being opened: hosts are looked up, addresses tried, and the session's settings made.
///
/// The settings are made with a statement, as poolers refuse most parameters of a connection.
struct SessionOpening: ~Copyable {
    enum Progress: Sendable {
        case waiting
        /// A thread has to look up a host, for `found(_:at:)`.
        case lookUp(host: String, place: Int)
        case opened
        case failed(PostgresError)
    }

    private enum Phase {
        /// The next step is due.
        case next
        case lookingUp(String)
        case connecting(ConnectionTarget, LibpqConnection.Progress)
        case settingUp(ConnectionTarget)
    }

    private let parameters: ConnectionParameters
    private var attempts: ConnectionAttempts
    private var phase = Phase.next
    private var libpq: LibpqConnection?
    private var problems: [String] = []
    private var results: [LibpqResult] = []
    /// Whether a pooler is between this side and the server; known when the session is open.
    private(set) var isPooled = false

    init(_ parameters: ConnectionParameters, deadline: ContinuousClock.Instant) {
        self.parameters = parameters
        self.attempts = parameters.attempts(deadline: deadline)
    }

    /// The session after `opened`.
    consuming func finish() -> LibpqConnection? { self.libpq.take() }

    mutating func found(_ result: Result<[String], PostgresError>, at place: Int) {
        switch result {
        case .success(let addresses):
            guard self.attempts.found(addresses, at: place) else { return }
        case .failure(let error):
            guard self.attempts.found([], at: place) else { return }
            self.note(error.detail)
        }
        self.phase = .next
    }

    mutating func interest() -> IOInterest {
        var interest = IOInterest(deadline: self.attempts.stepDeadline)
        switch self.phase {
        case .next: interest.isDue = true
        case .lookingUp: break
        case .connecting(_, let progress):
            interest.descriptor = self.libpq?.descriptor ?? -1
            interest.wantsRead = progress == .reading
            interest.wantsWrite = progress == .writing
        case .settingUp:
            interest.descriptor = self.libpq?.descriptor ?? -1
            interest.wantsRead = true
            if self.libpq?.usesTLS == true {
                interest.deadline = min(self.attempts.stepDeadline, .now + LibpqConnection.recheck)
            }
        }
        return interest
    }

    mutating func serve(now: ContinuousClock.Instant) -> Progress {
        switch self.phase {
        case .next: return self.advance(now: now)
        case .lookingUp(let host):
            guard self.attempts.stepDeadline <= now else { return .waiting }
            return self.giveUp("the address of \(host) was not found in time", now: now)
        case .connecting(let target, _): return self.connect(to: target, now: now)
        case .settingUp(let target): return self.setUp(target, now: now)
        }
    }

    private mutating func advance(now: ContinuousClock.Instant) -> Progress {
        self.libpq = nil
        switch self.attempts.next(now: now) {
        case nil: return .failed(PostgresError(.unavailable, detail: self.problems.joined(separator: "; ")))
        case .lookUp(let host, let place):
            self.phase = .lookingUp(host)
            return .lookUp(host: host, place: place)
        case .connect(let target):
            self.libpq = LibpqConnection(parameters: self.parameters.keywords(for: target))
            guard self.libpq != nil else { return .failed(PostgresError(.unavailable, detail: "out of memory")) }
            // Without a socket there is nothing to wait for.
            guard self.libpq?.isBad == false else {
                return self.giveUp(ConnectionRefusal(self.libpq?.errorMessage ?? "").text, now: now)
            }
            // Before its first call PQconnectPoll requires that the socket is writable.
            self.phase = .connecting(target, .writing)
            return .waiting
        }
    }

    private mutating func giveUp(_ problem: String, now: ContinuousClock.Instant) -> Progress {
        self.note(problem)
        return self.advance(now: now)
    }

    private mutating func note(_ problem: String) {
        if !self.problems.contains(problem) { self.problems.append(problem) }
    }

    private mutating func connect(to target: ConnectionTarget, now: ContinuousClock.Instant) -> Progress {
        switch self.libpq?.connect() ?? .failed {
        case .connected:
            let isSent =
                self.libpq?.enterNonBlocking() == true
                && self.libpq?.sendScript(self.parameters.setUp) == true
            guard isSent else { return self.giveUp("\(target): the session's settings were not sent", now: now) }
            _ = self.libpq?.flush()
            self.results = []
            self.phase = .settingUp(target)
            return .waiting
        case .failed:
            let refusal = ConnectionRefusal(self.libpq?.errorMessage ?? "")
            guard !refusal.isAboutTheRole else {
                // Another address would refuse the role as well, and too many refusals can lock it.
                return .failed(PostgresError(.unavailable, detail: refusal.text, state: refusal.state))
            }
            return self.giveUp(refusal.text, now: now)
        case let progress:
            self.phase = .connecting(target, progress)
            return self.expire(target, now: now)
        }
    }

    private mutating func setUp(_ target: ConnectionTarget, now: ContinuousClock.Instant) -> Progress {
        guard self.libpq?.consumeInput() == true else {
            return self.giveUp("\(target): the session ended while its settings were made", now: now)
        }
        while self.libpq?.isBusy == false {
            guard let result = self.libpq?.nextResult() else { return self.judgeSetUp(target, now: now) }
            self.results.append(result)
        }
        return self.expire(target, now: now)
    }

    private mutating func judgeSetUp(_ target: ConnectionTarget, now: ContinuousClock.Instant) -> Progress {
        switch self.results.last {
        case .success(let result):
            guard result.rows.count == 1, let process = try? result.rows[0].text(0) else { break }
            // A pooler makes up the number that it sends at the start.
            self.isPooled = process != self.libpq?.serverProcess.description
            return .opened
        case .failure(let failure):
            return self.giveUp("\(target): the session's settings were refused (\(failure.state.code))", now: now)
        default: break
        }
        return self.giveUp("\(target): the session's settings were not made", now: now)
    }

    private mutating func expire(_ target: ConnectionTarget, now: ContinuousClock.Instant) -> Progress {
        guard self.attempts.stepDeadline <= now else { return .waiting }
        return self.giveUp("\(target) has not answered in time", now: now)
    }
}

/// Why libpq could not open a session.
struct ConnectionRefusal: Sendable, Hashable {
    /// The first line of libpq's message, which names hosts and roles but no password.
    let text: String
    /// What the server has said, if it has answered.
    let state: SQLState?

    /// Reads a message that was made with `PQERRORS_VERBOSE`, in which the code follows the severity and two spaces, whatever the
    /// language is.
    init(_ message: String) {
        let line = message.split(separator: "\n").first.map(String.init) ?? ""
        self.text = line
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        var state: SQLState?
        for (index, word) in words.enumerated() where index > 0 && words[index - 1].isEmpty && word.utf8.count == 6 {
            guard word.hasSuffix(":"), word.dropLast().utf8.allSatisfy({ Self.isPartOfCode($0) }) else { continue }
            state = SQLState(String(word.dropLast()))
            break
        }
        self.state = state
    }

    /// Whether the server does not let the role in: it does not exist, has another password or may not connect.
    var isAboutTheRole: Bool { self.state?.code.hasPrefix("28") == true }

    private static func isPartOfCode(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
