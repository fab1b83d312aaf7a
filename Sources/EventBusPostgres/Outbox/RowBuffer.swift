// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// Rows that have been read and not been published, in the order of their ids.
struct RowBuffer: Sendable {
    struct Entry: Sendable {
        let row: OutboxRow
        /// Where the row waits in the table; `nil` if it waits for nothing there.
        let lane: Lane?

        fileprivate var bytes: Int { self.row.message.body.count }
    }

    private enum Waiting {
        case nothing
        /// An older row of its key is here and may be published.
        case turn
        case lane(Lane)
    }

    private var entries: [Entry] = []
    /// How many rows of an ordering key may stay, so that others find room; they are published one after the other.
    private let rowsOfKey: Int
    /// The bytes of all bodies.
    private(set) var bytes = 0

    var count: Int { self.entries.count }
    var first: OutboxRow.ID? { self.entries.first?.row.id }

    init(rowsOfKey: Int) { self.rowsOfKey = rowsOfKey }

    func contains(_ id: OutboxRow.ID) -> Bool {
        let place = self.place(of: id)
        return place < self.entries.count && self.entries[place].row.id == id
    }

    func count(of lane: Lane) -> Int { self.entries.count { $0.lane == lane } }

    /// The rows with ids in these ranges that wait for nothing in the table.
    func ids(in ranges: [ClosedRange<OutboxRow.ID>]) -> [OutboxRow.ID] {
        ranges.flatMap { range in
            self.entries[self.place(of: range.lowerBound)...].prefix { $0.row.id <= range.upperBound }
                .filter { $0.lane == nil }.map(\.row.id)
        }
    }

    /// Inserts a row unless it is here.
    mutating func insert(_ row: OutboxRow, of lane: Lane?) {
        let place = self.place(of: row.id)
        if place < self.entries.count, self.entries[place].row.id == row.id { return }
        let entry = Entry(row: row, lane: lane)
        self.entries.insert(entry, at: place)
        self.bytes += entry.bytes
    }

    mutating func remove(_ ids: [OutboxRow.ID]) {
        let ids = Set(ids)
        self.entries.removeAll { ids.contains($0.row.id) }
        self.measure()
    }

    mutating func removeAll() -> [Entry] {
        defer { self = RowBuffer(rowsOfKey: self.rowsOfKey) }
        return self.entries
    }

    /// The rows that may be published: of an ordering key only the oldest.
    func ready(_ limit: Int, except held: HeldRows) -> [OutboxRow] {
        var keys = Keys(held: held, rowsOfKey: self.rowsOfKey)
        var ready: [OutboxRow] = []
        for entry in self.entries {
            guard ready.count < limit else { break }
            if case .nothing = keys.waiting(entry.row) { ready.append(entry.row) }
        }
        return ready
    }

    /// Removes the rows that wait for something outside of this buffer, with what they wait for.
    mutating func removeWaiting(_ held: HeldRows) -> [(entry: Entry, lane: Lane)] {
        var keys = Keys(held: held, rowsOfKey: self.rowsOfKey)
        var (kept, removed): ([Entry], [(Entry, Lane)]) = ([], [])
        for entry in self.entries {
            if case .lane(let lane) = keys.waiting(entry.row) {
                removed.append((entry, lane))
            } else {
                kept.append(entry)
            }
        }
        self.entries = kept
        self.measure()
        return removed
    }

    /// Tells what rows wait for, asked in the order of their ids.
    private struct Keys {
        let held: HeldRows
        let rowsOfKey: Int
        /// The rows of each key so far: how many there are, the last that may stay, and what all further ones wait for.
        private var keys: [ExactText: (count: Int, last: OutboxRow.ID, lane: Lane?)] = [:]

        init(held: HeldRows, rowsOfKey: Int) {
            self.held = held
            self.rowsOfKey = rowsOfKey
        }

        mutating func waiting(_ row: OutboxRow) -> Waiting {
            guard let key = row.message.orderingKey.map(ExactText.init) else { return self.waitingAlone(row) }
            guard var older = self.keys[key] else {
                self.keys[key] = (1, row.id, Lane(holding: row, in: self.held))
                return self.waitingAlone(row)
            }
            if older.lane == nil, older.count < self.rowsOfKey {
                older.count += 1
                older.last = row.id
            } else {
                older.lane = older.lane ?? .row(older.last)
            }
            self.keys[key] = older
            return older.lane.map(Waiting.lane) ?? .turn
        }

        private func waitingAlone(_ row: OutboxRow) -> Waiting {
            Lane(holding: row, in: self.held).map(Waiting.lane) ?? .nothing
        }
    }

    private mutating func measure() { self.bytes = self.entries.reduce(0) { $0 + $1.bytes } }

    /// Where a row with this id is, or would be inserted.
    private func place(of id: OutboxRow.ID) -> Int {
        var (low, high) = (0, self.entries.count)
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].row.id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
