// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

@testable import EventBusPostgres

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The table of an outbox, as Postgres keeps it: ids are given out at once, rows are visible from their commit on.
struct OutboxTable {
    struct StoredRow {
        let row: OutboxRow
        var lane: Lane?
    }

    private(set) var rows: [OutboxRow.ID: StoredRow] = [:]
    private var running: [UInt64: [OutboxRow]] = [:]
    private var problems: [OutboxRow.ID: String] = [:]
    private var lastID: OutboxRow.ID = 0
    private var nextTransaction: UInt64 = 1
    /// How many rows reads have returned.
    private(set) var rowsRead = 0

    var snapshot: TransactionSnapshot {
        let running = Set(self.running.keys)
        return TransactionSnapshot(
            oldestRunning: running.min() ?? self.nextTransaction,
            next: self.nextTransaction,
            running: running
        )
    }

    // MARK: Writers

    mutating func begin() -> UInt64 {
        defer { self.nextTransaction += 1 }
        self.running[self.nextTransaction] = []
        return self.nextTransaction
    }

    mutating func insert(_ topic: Topic = "t", key: String? = nil, bytes: Int = 0, in transaction: UInt64)
        -> OutboxRow.ID
    {
        self.lastID += 1
        let message = Message(
            id: "m\(self.lastID)",
            topic: topic,
            time: Date(timeIntervalSince1970: 0),
            orderingKey: key,
            body: [UInt8](repeating: 0, count: bytes)
        )
        self.running[transaction]?.append(OutboxRow(id: self.lastID, message: message))
        return self.lastID
    }

    mutating func commit(_ transaction: UInt64) {
        for row in self.running.removeValue(forKey: transaction) ?? [] { self.rows[row.id] = StoredRow(row: row) }
    }

    mutating func rollBack(_ transaction: UInt64) { self.running[transaction] = nil }

    mutating func commit(_ count: Int = 1, _ topic: Topic = "t", key: String? = nil, bytes: Int = 0) {
        let transaction = self.begin()
        for _ in 0..<count { _ = self.insert(topic, key: key, bytes: bytes, in: transaction) }
        self.commit(transaction)
    }

    /// Makes the message of a row unreadable, or readable again.
    mutating func set(_ problem: String?, for id: OutboxRow.ID) { self.problems[id] = problem }

    /// Sets the sequence back, as a restored backup does.
    mutating func setBack(to id: OutboxRow.ID) { self.lastID = id }

    // MARK: The owner

    func reader(_ limits: OutboxReader.Limits = .init(), now: Duration = .zero) -> OutboxReader {
        OutboxReader(
            frontier: max(self.rows.keys.max() ?? 0, self.lastID),
            lanes: Array(Set(self.rows.values.compactMap(\.lane))),
            snapshot: self.snapshot,
            limits: limits,
            now: now
        )
    }

    mutating func remove(_ ids: [OutboxRow.ID]) {
        for id in ids { self.rows[id] = nil }
    }

    /// What the statements of a read do.
    mutating func perform(_ read: OutboxRead) -> [FoundRow] {
        for (id, lane) in read.moves { self.rows[id]?.lane = lane }
        var found: Set<OutboxRow.ID> = []
        let all = self.rows.values.sorted { $0.row.id < $1.row.id }
        func take(_ limit: Int, where isWanted: (StoredRow) -> Bool) {
            found.formUnion(all.filter(isWanted).prefix(limit).map(\.row.id))
        }
        take(read.limit) { $0.lane == nil && $0.row.id > read.after }
        for ids in read.missing {
            take(read.limit) { $0.lane == nil && ids.contains($0.row.id) && !read.seen.contains($0.row.id) }
        }
        for part in read.lanes { take(part.limit) { $0.lane == part.lane && $0.row.id > part.after } }
        var bytes = 0
        var result: [FoundRow] = []
        for stored in found.sorted().prefix(read.limit).compactMap({ self.rows[$0] }) {
            guard bytes < read.bytes else { break }
            bytes += stored.row.message.body.count
            let older = all.last { other in
                other.lane != nil && other.row.id < stored.row.id && other.row.id > read.known
                    && other.row.message.orderingKey != nil
                    && other.row.message.orderingKey == stored.row.message.orderingKey
            }
            result.append(
                FoundRow(
                    row: stored.row,
                    problem: self.problems[stored.row.id],
                    lane: stored.lane,
                    behind: older.flatMap { row in row.lane.map { (row.row.id, $0) } }
                )
            )
        }
        self.rowsRead += result.count
        return result
    }

    /// What an owner does: removes rows, and reads until there is something to publish or nothing more to read.
    ///
    /// - Parameter meanwhile: a transaction that commits between the first read and the snapshot after it.
    mutating func exchange(
        _ reader: inout OutboxReader,
        published: [OutboxRow.ID] = [],
        limit: Int = 256,
        except held: HeldRows = HeldRows(),
        meanwhile: UInt64? = nil,
        now: Duration = .zero
    ) -> [OutboxRow] {
        self.remove(published)
        reader.remove(published)
        while true {
            let read = reader.next(limit, except: held, now: now)
            let found = self.perform(read)
            if let meanwhile { self.commit(meanwhile) }
            reader.take(found, of: read, at: self.snapshot, now: now)
            let ready = reader.ready(limit, except: held)
            if !ready.isEmpty || !reader.hasUnread(held) { return ready }
        }
    }
}
