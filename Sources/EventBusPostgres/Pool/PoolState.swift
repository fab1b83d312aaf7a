// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus

/// The connections of a pool, their use, and the callers that wait for one: a pure state machine.
struct PoolState: Sendable {
    typealias ConnectionID = Int
    typealias RequestID = Int
    typealias Instant = ContinuousClock.Instant

    enum Use: Sendable {
        /// For one segment; other segments may be queued behind it on the same connection.
        case shared
        /// For inserts that share a commit with others that arrive meanwhile.
        case together
        /// For a transaction of several round trips, during which no other caller uses the connection.
        ///
        /// Begins when all segments on the connection have been answered: one that has not been sent yet, although its caller has the
        /// connection, would become a part of the transaction.
        case exclusive
    }

    enum Action: Sendable, Equatable {
        case open(ConnectionID)
        case close(ConnectionID)
        case deliver(RequestID, ConnectionID)
        case fail(RequestID, PostgresError.Code)
        /// All connections are closed and none will be opened.
        case finished
    }

    struct Limits: Sendable {
        var maximumConnections: Int
        var waitTimeout: Duration

        /// One is kept for single statements: who has one exclusively may need another one before it can go on.
        var exclusiveConnections: Int { max(1, self.maximumConnections - 1) }

        /// The number of commits that are under way before further inserts share the next ones: one is prepared while the server writes
        /// the other one to its disk.
        static let commits = 2
        /// The maximum number of transactions that share a commit.
        ///
        /// With more of them, other connections are used as well.
        static let insertsPerCommit = 16
    }

    enum Slot {
        case opening
        case open(segments: Int, isExclusive: Bool)
    }

    struct Request {
        let id: RequestID
        let use: Use
        let deadline: Instant
    }

    enum Phase {
        case running, closing, closed
    }

    /// The server cannot be reached or accepts no more sessions.
    struct Outage {
        var backoff = Backoff(first: .milliseconds(100), longest: .seconds(5))
        var retryAt: Instant
    }

    let limits: Limits
    var phase = Phase.running
    var slots: [ConnectionID: Slot] = [:]
    var requests: Deque<Request> = []
    var nextConnection: ConnectionID = 0
    private var nextRequest: RequestID = 0
    var outage: Outage?
    /// The connections that take no further segments, as a caller waits to use them exclusively when the last one has been answered.
    var reservations: [ConnectionID: RequestID] = [:]
    /// How many of the segments on a connection are inserts that share commits.
    var inserts: [ConnectionID: Int] = [:]
    /// How many transactions share a connection.
    ///
    /// The more of their commits fail, the fewer.
    var insertsPerConnection = Limits.insertsPerCommit

    init(limits: Limits) { self.limits = limits }

    /// Whether no connection is open and the last attempt to open one has failed.
    ///
    /// Callers then fail at once.
    var isDown: Bool { self.outage != nil && self.openCount == 0 }
    /// Whether a connection is open.
    var isUp: Bool { self.openCount > 0 }

    /// When `tick` has to be called next.
    var deadline: Instant? {
        // All requests have the same time limit, so the first one is due first.
        let request = self.requests.first?.deadline
        guard self.phase == .running, self.openingCount == 0, let outage = self.outage else { return request }
        return request.map { min($0, outage.retryAt) } ?? outage.retryAt
    }

    // MARK: Callers

    /// Opens the first connection, so that an outage is known before the first request.
    mutating func start() -> [Action] {
        var actions: [Action] = []
        if self.slots.isEmpty { self.open(&actions) }
        return actions
    }

    /// - Parameter byHolder: the caller keeps a connection meanwhile. It must not wait for others that may wait for it.
    mutating func request(_ use: Use, byHolder: Bool = false, now: Instant) -> (RequestID, [Action]) {
        let id = self.nextRequest
        self.nextRequest += 1
        guard self.phase == .running else { return (id, [.fail(id, .closed)]) }
        guard !self.isDown else { return (id, [.fail(id, .unavailable)]) }
        guard !byHolder || self.isFree(for: use) else { return (id, [.fail(id, .allHeld)]) }
        self.requests.append(Request(id: id, use: use, deadline: now + self.limits.waitTimeout))
        var actions: [Action] = []
        self.dispatch(now: now, &actions)
        return (id, actions)
    }

    /// Takes a connection if that needs no further action: no caller waits, and no connection has to be opened.
    mutating func take(_ use: Use) -> ConnectionID? {
        if use == .together, self.requests.isEmpty, let id = self.takeCommon() { return id }
        guard self.phase == .running, self.requests.isEmpty, let best = self.leastBusy, self.mayTake(best, use)
        else { return nil }
        guard best.segments == 0 || use != .exclusive && self.slots.count >= self.limits.maximumConnections else {
            return nil
        }
        self.give(best, use)
        return best.id
    }

    mutating func cancel(_ id: RequestID) -> [Action] {
        guard let index = self.requests.firstIndex(where: { $0.id == id }) else { return [] }
        self.requests.remove(at: index)
        var actions: [Action] = [.fail(id, .cancelled)]
        self.serve(&actions)
        return actions
    }

    /// A commit that transactions have shared has failed.
    mutating func sharedCommitFailed() { self.insertsPerConnection = max(1, self.insertsPerConnection / 2) }

    /// Takes a connection back if that needs no further action, as no caller waits for it.
    ///
    /// Otherwise returns false.
    mutating func putBack(_ id: ConnectionID, _ use: Use) -> Bool {
        self.phase == .running && self.requests.isEmpty && self.giveBack(id, use)
    }

    mutating func release(_ id: ConnectionID, _ use: Use, isReusable: Bool, now: Instant) -> [Action] {
        guard self.giveBack(id, use) else { return [] }
        guard isReusable else {
            self.reservations[id] = nil
            // Nobody may use the connection until it is closed.
            if case .open(let segments, _) = self.slots[id] {
                self.slots[id] = .open(segments: segments, isExclusive: true)
            }
            return [.close(id)]
        }
        var actions: [Action] = []
        if self.phase == .closing { self.closeIdle(&actions) }
        self.dispatch(now: now, &actions)
        return actions
    }

    // MARK: Connections

    mutating func opened(_ id: ConnectionID, now: Instant) -> [Action] {
        guard self.slots[id] != nil else { return [.close(id)] }
        self.slots[id] = .open(segments: 0, isExclusive: false)
        self.outage = nil
        var actions: [Action] = []
        if self.phase == .closing { self.closeIdle(&actions) }
        self.dispatch(now: now, &actions)
        return actions
    }

    /// A connection has been closed, or could not be opened.
    ///
    /// The jitter is between 0 and 1.
    mutating func closed(_ id: ConnectionID, now: Instant, jitter: Double) -> [Action] {
        guard let slot = self.slots.removeValue(forKey: id) else { return [] }
        self.reservations[id] = nil
        self.inserts[id] = nil
        var actions: [Action] = []
        if case .opening = slot, self.phase == .running {
            var outage = self.outage ?? Outage(retryAt: now)
            // Jitter shortens the pause by up to a half, so that processes do not reconnect at the same moment.
            outage.retryAt = now + outage.backoff.next() * (0.5 + jitter / 2)
            self.outage = outage
            if self.openCount == 0 {
                actions += self.requests.map { .fail($0.id, .unavailable) }
                self.requests.removeAll()
            }
        }
        self.dispatch(now: now, &actions)
        // Find out now whether the server is reachable, so that the next caller need not wait for that.
        if self.phase == .running, self.slots.isEmpty, self.outage == nil { self.open(&actions) }
        self.finishIfEmpty(&actions)
        return actions
    }

    mutating func tick(now: Instant) -> [Action] {
        var actions: [Action] = []
        // Without an open connection it is not other callers that the request has waited for.
        let code: PostgresError.Code = self.isUp ? .waitTimedOut : .unavailable
        self.requests.removeAll { request in
            guard request.deadline <= now else { return false }
            actions.append(.fail(request.id, code))
            return true
        }
        self.serve(&actions)
        if self.phase == .running, let outage = self.outage, outage.retryAt <= now, self.openingCount == 0 {
            self.open(&actions)
        }
        return actions
    }

    /// Fails all requests, and closes connections as soon as they are released.
    mutating func shutDown() -> [Action] {
        guard self.phase == .running else { return [] }
        self.phase = .closing
        var actions: [Action] = self.requests.map { .fail($0.id, .closed) }
        self.requests.removeAll()
        self.closeIdle(&actions)
        self.finishIfEmpty(&actions)
        return actions
    }

    /// Closes the connections that have not been released in time.
    mutating func closeAll() -> [Action] {
        self.slots.keys.sorted().map { .close($0) }
    }
}
