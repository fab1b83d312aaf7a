// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a transaction has changed and not yet committed: nobody else sees it.
struct Changes: Sendable {
    var rows: [RowKey: [ColumnValue]] = [:]
    /// The ids of the rows that have the values; `nil` for values that are free again.
    var unique: [UniqueValue: ColumnValue?] = [:]
    /// The handled events, in the order in which they were marked.
    var handled: [InboxKey] = []

    func isHandled(_ key: InboxKey) -> Bool { self.handled.contains(key) }
}

/// A collected write of an entity: its row, and the unique columns to check.
struct TableWrite: Sendable {
    /// A column in which each value may occur only once.
    struct UniqueColumn: Sendable {
        let name: String
        let index: Int
        let normalized: @Sendable (ColumnValue) -> ColumnValue
    }

    enum Kind: Sendable {
        case insert, update
    }

    let kind: Kind
    let table: String
    let row: [ColumnValue]
    let unique: [UniqueColumn]
    /// The place of the column with the row's version.
    let version: Int?

    var key: RowKey { RowKey(table: self.table, id: self.row[0]) }

    /// What an update stores: the row with the next version; `nil` if the version of the stored row is another one.
    func updating(_ stored: [ColumnValue]) -> [ColumnValue]? {
        guard let version else { return self.row }
        guard case .int(let number) = self.row[version], stored[version] == .int(number) else { return nil }
        var row = self.row
        row[version] = .int(number &+ 1)
        return row
    }

    /// The unique values of a row of this table; as in SQL, nulls are never equal.
    func uniqueValues(of row: [ColumnValue]) -> [UniqueValue] {
        self.unique.compactMap { column in
            let value = row[column.index]
            guard value != .null else { return nil }
            return UniqueValue(table: self.table, key: column.name, value: column.normalized(value))
        }
    }
}
