// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// Reads the outbox in the order of its ids, and keeps what has been read until it is published: a pure state machine.
///
/// It remembers how far it has read, so that neither published rows, which stay in the table until they are vacuumed, nor rows that
/// wait cost anything. Rows that cannot be published yet stay here while there is room, and are put into a ``Lane`` otherwise.
/// ``MissingIDs``, and a new pass from the start, find rows that are committed later than rows with greater ids.
///
/// The order within a key holds because a row is only handed out if all older ones of its key are gone or before it in the buffer:
/// they have smaller ids and were committed before, so they were read before or with it, or they wait in a lane, which every read
/// looks up.
struct OutboxReader: Sendable {
    /// How much is kept in memory.
    struct Limits: Sendable {
        var rows = 1024
        var rowsOfKey = 32
        var bytes = 8 * 1024 * 1024
        /// How many lanes are read at a time.
        var lanes = 16
        /// How many gaps between ids are looked at one by one.
        var gaps = 1000
    }

    private let limits: Limits
    private var buffer: RowBuffer
    /// All rows up to here that wait for nothing have been read, except those that are missing.
    private var position: OutboxRow.ID = 0
    /// The greatest position so far; at first the greatest id in the outbox.
    private var frontier: OutboxRow.ID
    private var hasReachedEnd = false
    private var missing: MissingIDs
    /// The lanes with rows that have not been read; those up to the id are in the buffer or gone.
    private var lanes: [Lane: OutboxRow.ID]
    /// What has not been written yet: the lanes of rows that were read and are not in the buffer.
    private var moves: [OutboxRow.ID: Lane] = [:]
    /// The rows whose messages cannot be read, and why; held until the next pass, which may find them repaired or gone.
    private(set) var unreadable: [OutboxRow.ID: String] = [:]
    /// The transactions that were running when the reader began, and may own any id up to the frontier.
    private var suspects: Set<UInt64>
    private var snapshot: TransactionSnapshot
    private var passBegan: Duration
    /// When to begin again at the start of the outbox; `nil` while a pass is on its way.
    private var nextPass: Duration?
    private let graceEnd: Duration

    /// The truth behind everything else: an id that no reason explains, as after a sequence was set back, is found in this time.
    private static let passInterval: Duration = .seconds(60)
    /// After this time, no id is left that was given out before the first snapshot to a transaction which had none itself then.
    private static let grace: Duration = .seconds(1)

    /// - Parameters:
    ///   - frontier: the greatest id in the outbox.
    ///   - lanes: what rows wait for.
    ///   - snapshot: not older than the other two.
    init(
        frontier: OutboxRow.ID,
        lanes: [Lane],
        snapshot: TransactionSnapshot,
        limits: Limits = Limits(),
        now: Duration
    ) {
        self.limits = limits
        self.buffer = RowBuffer(rowsOfKey: limits.rowsOfKey)
        self.missing = MissingIDs(maximum: limits.gaps)
        self.frontier = frontier
        self.lanes = Dictionary(lanes.map { ($0, 0) }) { first, _ in first }
        self.snapshot = snapshot
        self.suspects = snapshot.running
        self.passBegan = now
        self.graceEnd = now + Self.grace
    }

    /// The rows to publish next.
    func ready(_ limit: Int, except held: HeldRows) -> [OutboxRow] {
        self.buffer.ready(limit, except: self.adding(held))
    }

    /// Whether another read may find something.
    func hasUnread(_ held: HeldRows) -> Bool {
        let held = self.adding(held)
        return !self.hasReachedEnd || self.lanes.keys.contains { self.isDue($0, held) }
    }

    /// All rows that must not be handed out.
    private func adding(_ held: HeldRows) -> HeldRows {
        guard !self.unreadable.isEmpty else { return held }
        return HeldRows(topics: held.topics, rows: held.rows.union(self.unreadable.keys))
    }

    /// The id before which there is no row, as far as the reader knows.
    var leftEdge: OutboxRow.ID {
        let lane = self.lanes.values.min().map { $0 + 1 }
        let places = [self.position + 1, self.buffer.first, self.missing.ranges.first?.lowerBound, lane]
        return places.compactMap { $0 }.min() ?? 0
    }

    /// Forgets rows that have been published.
    mutating func remove(_ ids: [OutboxRow.ID]) { self.buffer.remove(ids) }

    /// Decides what to read.
    ///
    /// The result has to come back through ``take(_:of:at:now:)``.
    mutating func next(_ limit: Int, except held: HeldRows, now: Duration) -> OutboxRead {
        if let due = self.nextPass, due <= now { self.beginAgain(now) }
        let held = self.adding(held)
        let capacity = max(self.limits.rows, 2 * limit)
        if self.buffer.count + limit > capacity || self.buffer.bytes > self.limits.bytes / 2 { self.makeRoom(held) }
        let count = max(0, capacity - self.buffer.count)
        let lanes = self.lanes.filter { self.isDue($0.key, held) }.sorted { $0.value < $1.value }.prefix(
            self.limits.lanes
        )
        return OutboxRead(
            moves: self.moves,
            after: self.position,
            missing: self.missing.ranges,
            seen: self.buffer.ids(in: self.missing.joined),
            lanes: lanes.map { lane, after in
                OutboxRead.Part(lane: lane, after: after, limit: min(limit, count, self.room(in: lane)))
            },
            limit: count,
            bytes: max(0, self.limits.bytes - self.buffer.bytes),
            known: self.lanes.values.min() ?? .max
        )
    }

    /// Takes what has been read.
    ///
    /// - Parameters:
    ///   - rows: in the order of their ids.
    ///   - read: what was to be read, and has been written.
    ///   - snapshot: not older than the read.
    ///   - sent: when the statements were sent, which may have been long before their answer; `nil` for now.
    mutating func take(
        _ rows: [FoundRow],
        of read: OutboxRead,
        at snapshot: TransactionSnapshot,
        sentAt sent: Duration? = nil,
        now: Duration
    ) {
        self.moves = [:]
        let isCut = rows.count >= read.limit || rows.reduce(0) { $0 + $1.row.message.body.count } >= read.bytes
        self.passLanes(read.lanes, rows, isCut: isCut)
        let isPassing = self.position < self.frontier
        self.pass(rows, isCut: isCut, now: now)
        if self.nextPass == nil, !isPassing || self.position >= self.frontier { self.endPass(now) }
        self.missing.settle(through: isCut ? rows.last?.row.id ?? 0 : .max, after: self.snapshot)
        // A transaction has its id by now if it took one for a row that long before the snapshot's own id was given out.
        self.missing.bound(by: snapshot, now: sent ?? now)
        self.snapshot = snapshot
        for found in rows { self.take(found) }
        if !self.suspects.isSubset(of: snapshot.running) {
            // What one of them has committed may be older than what has just been read, and of the same key.
            self.suspects.formIntersection(snapshot.running)
            self.beginAgain(now)
        }
    }

    private mutating func take(_ found: FoundRow) {
        let row = found.row
        if let problem = found.problem { self.unreadable[row.id] = problem }
        guard let behind = found.behind, !self.buffer.contains(behind.id) else {
            return self.buffer.insert(row, of: found.lane)
        }
        let lane = self.moves[behind.id] ?? behind.lane
        if lane != found.lane { self.moves[row.id] = lane }
        self.wait(in: lane, from: behind.id)
    }

    /// Notes how far the lanes have been read.
    private mutating func passLanes(_ parts: [OutboxRead.Part], _ rows: [FoundRow], isCut: Bool) {
        for part in parts {
            let found = rows.filter { $0.lane == part.lane }
            if !found.isEmpty, found.count >= part.limit {
                self.lanes[part.lane] = found.last?.row.id
            } else if isCut {
                self.lanes[part.lane] = max(part.after, rows.last?.row.id ?? 0)
            } else {
                self.lanes[part.lane] = nil
            }
        }
    }

    /// Notes how far the rows that wait for nothing have been read, and which are missing.
    private mutating func pass(_ rows: [FoundRow], isCut: Bool, now: Duration) {
        var last = max(self.position, self.frontier)
        for id in rows.lazy.filter({ $0.lane == nil }).map(\.row.id) {
            if id > last {
                if id > last + 1 { self.missing.add(last + 1...id - 1, now: now) }
                last = id
            } else {
                self.missing.remove(id)
            }
        }
        let seen = rows.last?.row.id ?? 0
        self.position = max(self.position, isCut ? min(seen, last) : last)
        self.frontier = last
        self.hasReachedEnd = !isCut
    }

    /// Puts rows that cannot be published into their lanes.
    private mutating func makeRoom(_ held: HeldRows) {
        for (entry, lane) in self.buffer.removeWaiting(held) {
            if entry.lane != lane { self.moves[entry.row.id] = lane }
            self.wait(in: lane, from: entry.row.id)
        }
    }

    /// Notes that a lane has rows from this one on that are not in the buffer.
    private mutating func wait(in lane: Lane, from id: OutboxRow.ID) {
        self.lanes[lane] = min(self.lanes[lane] ?? .max, id - 1)
    }

    private func isDue(_ lane: Lane, _ held: HeldRows) -> Bool {
        if lane.isHeld(in: held) { return false }
        if case .row(let id) = lane, self.buffer.contains(id) { return false }
        return self.room(in: lane) > 0
    }

    private func room(in lane: Lane) -> Int {
        guard case .row = lane else { return .max }
        return self.limits.rowsOfKey - self.buffer.count(of: lane)
    }

    // MARK: Passes

    private mutating func beginAgain(_ now: Duration) {
        for entry in self.buffer.removeAll() {
            if let lane = entry.lane { self.wait(in: lane, from: entry.row.id) }
        }
        self.unreadable = [:]
        self.position = 0
        self.hasReachedEnd = false
        self.passBegan = now
        self.nextPass = nil
    }

    /// Passes take a hundredth of the time at most, however many rows wait.
    private mutating func endPass(_ now: Duration) {
        let pause = max(Self.passInterval, (now - self.passBegan) * 100)
        self.nextPass = now < self.graceEnd ? self.graceEnd : now + pause
    }
}
