// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The contents of an in-memory store and its open transactions: a pure state machine.
///
/// A write is executed before its transaction commits, as in a database. From then on the transaction holds the row, the row's
/// unique values, before and after, and the inbox rows that it has inserted. Whoever writes the same waits until the
/// holder has ended, and sees its result.
struct Contents: Sendable {
    /// How far a write has come.
    enum Progress: Sendable {
        case done
        /// Another transaction holds what the write needs; it has to be executed again when that one has ended.
        case waits
        case failed(RepositoryError)
    }

    var tables: Tables
    private(set) var locks = RowLocks()
    private var changes: [RowLocks.Owner: Changes] = [:]
    private var lastOwner: RowLocks.Owner = 0

    init(retention: Duration) {
        self.tables = Tables(retention: retention)
    }

    /// The number of open transactions that have written.
    var openTransactions: Int { self.changes.count }

    // MARK: Reads

    func row(_ key: RowKey, for owner: RowLocks.Owner?) -> [ColumnValue]? {
        owner.flatMap { self.changes[$0]?.rows[key] } ?? self.tables.row(key)
    }

    func row(_ lookup: RowLookup, for owner: RowLocks.Owner?) -> [ColumnValue]? {
        self.key(lookup, for: owner).flatMap { self.row($0, for: owner) }
    }

    private func key(_ lookup: RowLookup, for owner: RowLocks.Owner?) -> RowKey? {
        switch lookup {
        case .id(let key): key
        case .value(let value): self.id(of: value, for: owner).map { RowKey(table: value.table, id: $0) }
        }
    }

    /// Reads a row and locks it.
    ///
    /// Who has waited for the row reads what the holder has committed; if it has another value now than the one that was looked for,
    /// nothing is found.
    mutating func lock(_ read: inout LockingRead?, for owner: RowLocks.Owner) -> Progress {
        guard let lookup = read?.lookup else { return .done }
        let key = self.key(lookup, for: owner)
        // Nobody waits for a row that another transaction has inserted and not committed.
        guard let locked = read?.key ?? key, self.row(locked, for: owner) != nil else { return .done }
        read?.key = locked
        if let progress = self.hold(.row(locked), for: owner) { return progress }
        read?.row = key == locked ? self.row(locked, for: owner) : nil
        return .done
    }

    private func id(of value: UniqueValue, for owner: RowLocks.Owner?) -> ColumnValue? {
        if let own = owner.flatMap({ self.changes[$0]?.unique[value] }) { return own }
        return self.tables.id(of: value)
    }

    private func isHandled(_ key: InboxKey, for owner: RowLocks.Owner) -> Bool {
        self.tables.isHandled(key) || self.changes[owner]?.isHandled(key) == true
    }

    // MARK: Writes

    mutating func begin() -> RowLocks.Owner {
        self.lastOwner += 1
        self.changes[self.lastOwner] = Changes()
        return self.lastOwner
    }

    /// Begins a transaction that holds one thing and writes nothing; `nil` if another one holds it.
    mutating func begin(holding key: RowLocks.Key) -> RowLocks.Owner? {
        let owner = self.begin()
        if self.locks.acquire(key, for: owner) == .held { return owner }
        _ = self.rollBack(owner)
        return nil
    }

    /// Executes writes, then marks events, and removes what is done from both.
    mutating func execute(
        _ writes: inout ArraySlice<TableWrite>,
        marking keys: inout ArraySlice<InboxKey>,
        _ fresh: inout [InboxKey],
        for owner: RowLocks.Owner
    ) -> Progress {
        while let write = writes.first {
            let progress = write.kind == .insert ? self.insert(write, for: owner) : self.update(write, for: owner)
            guard case .done = progress else { return progress }
            writes.removeFirst()
        }
        while let key = keys.first {
            // Who has waited for another transaction sees here whether that one has committed.
            if !self.isHandled(key, for: owner) {
                if let progress = self.hold(.handled(key), for: owner) { return progress }
                self.changes[owner]?.handled.append(key)
                fresh.append(key)
            }
            keys.removeFirst()
        }
        return .done
    }

    private mutating func insert(_ write: TableWrite, for owner: RowLocks.Owner) -> Progress {
        // A transaction that has only read the row, and locked it, changes nothing about that conflict: nobody waits for it.
        let isTaken = self.tables.row(write.key) != nil && !self.isChanged(write.key)
        if !isTaken, let progress = self.hold(.row(write.key), for: owner) { return progress }
        if self.row(write.key, for: owner) != nil { return Self.conflict("\(write.table)_pkey") }
        return self.store(write, write.row, for: owner)
    }

    /// Whether an open transaction has written the row.
    private func isChanged(_ key: RowKey) -> Bool {
        self.locks.holder(of: .row(key)).flatMap { self.changes[$0]?.rows[key] } != nil
    }

    private mutating func update(_ write: TableWrite, for owner: RowLocks.Owner) -> Progress {
        // Nobody waits for a row that another transaction has inserted and not committed.
        guard self.row(write.key, for: owner) != nil else {
            return .failed(RepositoryError(.notFound, "\(write.table) has no row with that id"))
        }
        if let progress = self.hold(.row(write.key), for: owner) { return progress }
        // What the previous holder has committed.
        let stored = self.row(write.key, for: owner) ?? []
        guard let row = write.updating(stored) else {
            return .failed(RepositoryError(.stale, "\(write.table): the row has been changed since it was read"))
        }
        let before = write.uniqueValues(of: stored)
        for value in before {
            if let progress = self.hold(.value(value), for: owner) { return progress }
        }
        return self.store(write, row, replacing: before, for: owner)
    }

    private mutating func store(
        _ write: TableWrite,
        _ row: [ColumnValue],
        replacing before: [UniqueValue] = [],
        for owner: RowLocks.Owner
    ) -> Progress {
        let after = write.uniqueValues(of: write.row)
        for value in after {
            if let progress = self.hold(.value(value), for: owner) { return progress }
            if let id = self.id(of: value, for: owner), id != write.row[0] { return Self.conflict(value.key) }
        }
        self.changes[owner]?.rows[write.key] = row
        for value in before { self.changes[owner]?.unique[value] = .some(nil) }
        for value in after { self.changes[owner]?.unique[value] = write.row[0] }
        return .done
    }

    /// Takes a lock; `nil` if the owner holds it now.
    private mutating func hold(_ key: RowLocks.Key, for owner: RowLocks.Owner) -> Progress? {
        guard self.changes[owner] != nil else {
            return .failed(RepositoryError(.transactionEnded, "the transaction's scope has ended"))
        }
        return switch self.locks.acquire(key, for: owner) {
        case .held: nil
        case .waits: .waits
        case .deadlock:
            .failed(RepositoryError(.serialization, "a deadlock with another transaction; run the transaction again"))
        }
    }

    private static func conflict(_ key: String) -> Progress {
        .failed(RepositoryError(.conflict, "unique key \(key) is taken", key: key))
    }

    // MARK: Ends

    /// Commits, and returns the transactions that wait no longer.
    ///
    /// Events get their place in the outbox here, so that those of transactions which waited for each other are in the order of
    /// their commits.
    mutating func commit(_ owner: RowLocks.Owner?, publishing messages: [Message], at time: Date?) -> [RowLocks.Owner] {
        self.tables.append(messages)
        guard let owner, let changes = self.changes.removeValue(forKey: owner) else { return [] }
        self.tables.apply(changes, at: time)
        return self.locks.release(owner)
    }

    /// Rolls back, and returns the transactions that wait no longer.
    mutating func rollBack(_ owner: RowLocks.Owner) -> [RowLocks.Owner] {
        self.changes[owner] = nil
        return self.locks.release(owner)
    }
}
