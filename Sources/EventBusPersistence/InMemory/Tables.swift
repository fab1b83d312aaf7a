// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The committed contents of an in-memory store.
struct Tables: Sendable {
    private struct ClaimKey: Hashable, Sendable {
        let event: InboxKey
        let redrive: Int
    }

    private struct Claim: Sendable {
        var count: Int
        var last: Identifier
    }

    private struct Table: Sendable {
        var rows: [ColumnValue: [ColumnValue]] = [:]
        var unique: [String: [ColumnValue: ColumnValue]] = [:]
    }

    /// How long handled events and claims are kept, in seconds.
    private let retention: Double
    private var tables: [String: Table] = [:]
    private var handled = AgingTable<InboxKey, Void>()
    private var claims = AgingTable<ClaimKey, Claim>()
    private(set) var outbox = OutboxTable()

    init(retention: Duration) {
        self.retention = retention / .seconds(1)
    }

    /// The numbers of handled events and of claims.
    var inboxCounts: (handled: Int, claims: Int) { (self.handled.count, self.claims.count) }

    // MARK: Reads

    func row(_ key: RowKey) -> [ColumnValue]? {
        self.tables[key.table]?.rows[key.id]
    }

    /// The id of the row that has a unique value.
    func id(of value: UniqueValue) -> ColumnValue? {
        self.tables[value.table]?.unique[value.key]?[value.value]
    }

    func row(of value: UniqueValue) -> [ColumnValue]? {
        self.id(of: value).flatMap { self.row(RowKey(table: value.table, id: $0)) }
    }

    func rows(of table: String) -> [[ColumnValue]] {
        let rows = self.tables[table]?.rows ?? [:]
        return rows.sorted { Self.precedes($0.key, $1.key) }.map(\.value)
    }

    /// An order of ids that is the same in every run.
    ///
    /// Values that cannot be ids have no order.
    private static func precedes(_ left: ColumnValue, _ right: ColumnValue) -> Bool {
        switch (left, right) {
        case (.uuid(let left), .uuid(let right)): left < right
        case (.int(let left), .int(let right)): left < right
        case (.text(let left), .text(let right)): left.utf8.lexicographicallyPrecedes(right.utf8)
        default: false
        }
    }

    func isHandled(_ key: InboxKey) -> Bool { self.handled[key] != nil }

    // MARK: Writes

    /// Applies what a transaction has changed, which cannot fail: the transaction holds everything that it has written.
    ///
    /// The time is that of the handled events, if there are any.
    mutating func apply(_ changes: Changes, at time: Date?) {
        for (key, row) in changes.rows { self.tables[key.table, default: Table()].rows[key.id] = row }
        for (value, id) in changes.unique {
            self.tables[value.table, default: Table()].unique[value.key, default: [:]][value.value] = id
        }
        guard let time, !changes.handled.isEmpty else { return }
        for key in changes.handled { self.handled.set(key, (), at: time) }
        self.handled.drop(before: time - self.retention)
    }

    mutating func claimStart(_ event: InboxKey, redrive: Int, as start: Identifier, at time: Date) -> Int {
        self.claims.drop(before: time - self.retention)
        let key = ClaimKey(event: event, redrive: redrive)
        var claim = self.claims[key] ?? Claim(count: 0, last: start)
        if claim.count == 0 || claim.last != start { claim.count += 1 }
        claim.last = start
        self.claims.set(key, claim, at: time)
        return claim.count
    }

    mutating func append(_ messages: [Message]) {
        for message in messages { self.outbox.append(message) }
    }

    mutating func removeFromOutbox(_ ids: [OutboxRow.ID]) {
        self.outbox.remove(ids)
    }
}
