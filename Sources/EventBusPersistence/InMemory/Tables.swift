// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The contents of an in-memory store, with writes that can be undone: a pure state machine.
struct Tables: Sendable {
    /// A collected write.
    enum Write: Sendable {
        case insert(TableWrite)
        case update(TableWrite)
        case publish(Message)
        case markHandled(InboxKey)
    }

    /// A row to be written, and the unique columns to check.
    struct TableWrite: Sendable {
        let table: String
        let row: [ColumnValue]
        let unique: [UniqueColumn]
    }

    /// A column in which each value may occur only once.
    struct UniqueColumn: Sendable {
        let name: String
        let index: Int
        let normalized: @Sendable (ColumnValue) -> ColumnValue

        /// The row's value in the form in which values are compared.
        ///
        /// `nil` for null: as in SQL, nulls are never equal.
        func value(in row: [ColumnValue]) -> ColumnValue? {
            row[self.index] == .null ? nil : self.normalized(row[self.index])
        }
    }

    struct InboxKey: Hashable, Sendable {
        let consumer: SubscriptionName
        let event: EventIdentity

        init(_ event: EventIdentity, by consumer: SubscriptionName) throws(RepositoryError) {
            self.consumer = consumer
            self.event = event
            guard ExactText(event.id).isStorable, ExactText(event.source).isStorable else {
                throw RepositoryError(.invalidValue, "an event's id and source must not contain NUL")
            }
        }
    }

    private struct ClaimKey: Hashable, Sendable {
        let event: InboxKey
        let redrive: Int
    }

    private struct Table: Sendable {
        var rows: [ColumnValue: [ColumnValue]] = [:]
        var unique: [String: [ColumnValue: ColumnValue]] = [:]
    }

    private enum Undo {
        case row(table: String, id: ColumnValue, before: [ColumnValue]?)
        case unique(table: String, key: String, value: ColumnValue, before: ColumnValue?)
        case outboxRow
        case handled(InboxKey)
    }

    private var tables: [String: Table] = [:]
    private var handled: Set<InboxKey> = []
    private var claims: [ClaimKey: (count: Int, last: Identifier)] = [:]
    private(set) var outbox = OutboxTable()

    // MARK: Reads

    func row(_ table: String, _ id: ColumnValue) -> [ColumnValue]? {
        self.tables[table]?.rows[id]
    }

    func row(_ table: String, by key: String, _ value: ColumnValue) -> [ColumnValue]? {
        guard let table = self.tables[table], let id = table.unique[key]?[value] else { return nil }
        return table.rows[id]
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

    func isHandled(_ key: InboxKey) -> Bool { self.handled.contains(key) }

    // MARK: Writes

    /// Applies all writes, or none of them if one fails.
    mutating func commit(_ writes: [Write]) throws(RepositoryError) {
        let (undo, error) = self.apply(writes)
        guard let error else { return }
        self.revert(undo)
        throw error
    }

    /// Reads with writes applied that are not committed.
    ///
    /// Throws the error of the first write that fails.
    mutating func reading<Result>(
        after writes: [Write],
        _ read: (inout Tables) -> Result
    ) throws(RepositoryError) -> Result {
        let (undo, error) = self.apply(writes)
        defer { self.revert(undo) }
        if let error { throw error }
        return read(&self)
    }

    mutating func claimStart(_ event: InboxKey, redrive: Int, as start: Identifier) -> Int {
        let key = ClaimKey(event: event, redrive: redrive)
        let before = self.claims[key]
        if let before, before.last == start { return before.count }
        let count = (before?.count ?? 0) + 1
        self.claims[key] = (count, start)
        return count
    }

    mutating func removeFromOutbox(_ ids: [OutboxRow.ID]) {
        self.outbox.remove(ids)
    }

    private mutating func apply(_ writes: [Write]) -> (undo: [Undo], error: RepositoryError?) {
        var undo: [Undo] = []
        for write in writes {
            let error: RepositoryError? =
                switch write {
                case .insert(let write): self.insert(write, &undo)
                case .update(let write): self.update(write, &undo)
                case .publish(let message): self.publish(message, &undo)
                case .markHandled(let key): self.markHandled(key, &undo)
                }
            if let error { return (undo, error) }
        }
        return (undo, nil)
    }

    private mutating func insert(_ write: TableWrite, _ undo: inout [Undo]) -> RepositoryError? {
        let id = write.row[0]
        if self.tables[write.table]?.rows[id] != nil { return Tables.conflict("\(write.table)_pkey") }
        return self.store(write, id, &undo)
    }

    private mutating func update(_ write: TableWrite, _ undo: inout [Undo]) -> RepositoryError? {
        let id = write.row[0]
        guard let before = self.tables[write.table]?.rows[id] else {
            return RepositoryError(.notFound, "\(write.table) has no row with that id")
        }
        for column in write.unique {
            if let value = column.value(in: before) { self.setUnique(write.table, column.name, value, nil, &undo) }
        }
        return self.store(write, id, &undo)
    }

    private mutating func store(_ write: TableWrite, _ id: ColumnValue, _ undo: inout [Undo]) -> RepositoryError? {
        for column in write.unique {
            guard let value = column.value(in: write.row) else { continue }
            if self.tables[write.table]?.unique[column.name]?[value] != nil { return Tables.conflict(column.name) }
            self.setUnique(write.table, column.name, value, id, &undo)
        }
        undo.append(.row(table: write.table, id: id, before: self.tables[write.table]?.rows[id]))
        self.tables[write.table, default: Table()].rows[id] = write.row
        return nil
    }

    private mutating func setUnique(
        _ table: String,
        _ key: String,
        _ value: ColumnValue,
        _ id: ColumnValue?,
        _ undo: inout [Undo]
    ) {
        undo.append(.unique(table: table, key: key, value: value, before: self.tables[table]?.unique[key]?[value]))
        self.tables[table, default: Table()].unique[key, default: [:]][value] = id
    }

    private mutating func publish(_ message: Message, _ undo: inout [Undo]) -> RepositoryError? {
        self.outbox.append(message)
        undo.append(.outboxRow)
        return nil
    }

    private mutating func markHandled(_ key: InboxKey, _ undo: inout [Undo]) -> RepositoryError? {
        guard self.handled.insert(key).inserted else {
            // Another transaction has handled the message since this one checked, and will see that when it runs again.
            return RepositoryError(.serialization, "another transaction has handled the message")
        }
        undo.append(.handled(key))
        return nil
    }

    private mutating func revert(_ undo: [Undo]) {
        for step in undo.reversed() {
            switch step {
            case .row(let table, let id, let before): self.tables[table]?.rows[id] = before
            case .unique(let table, let key, let value, let before): self.tables[table]?.unique[key]?[value] = before
            case .outboxRow: self.outbox.removeLast()
            case .handled(let key): self.handled.remove(key)
            }
        }
    }

    private static func conflict(_ key: String) -> RepositoryError {
        RepositoryError(.conflict, "unique key \(key) is taken", key: key)
    }
}
