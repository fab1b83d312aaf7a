// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

extension Column {
    /// The parameter for a value that is looked up; `nil` if no row can have it.
    func parameter(lookingUp value: ColumnValue) -> Parameter? {
        guard value.kind == self.kind else { return nil }
        return try? Parameter(value, for: self)
    }
}

extension Parameter {
    /// Creates a parameter from a column's value; for NULL, the column determines the type.
    init(_ value: ColumnValue, for column: Column) throws(PostgresError) {
        switch value {
        case .null: self = .null(column.kind.postgresType)
        case .uuid(let value): self = .uuid(value)
        case .text(let value): self = try .text(value)
        case .int(let value): self = .int8(value)
        case .double(let value): self = .double(value)
        case .bool(let value): self = .bool(value)
        case .timestamp(let value): self = try .timestamp(value)
        case .bytes(let value): self = .bytes(value)
        }
    }
}

extension Row {
    /// Reads the values of all columns.
    func values(of columns: [Column]) throws(RepositoryError) -> [ColumnValue] {
        var values: [ColumnValue] = []
        values.reserveCapacity(columns.count)
        for (index, column) in columns.enumerated() {
            do {
                values.append(try self.value(index, of: column))
            } catch {
                throw RepositoryError(error)
            }
        }
        return values
    }

    /// Reads the value of a column.
    private func value(_ index: Int, of column: Column) throws(PostgresError) -> ColumnValue {
        guard !self.isNull(index) else { return .null }
        switch column.kind {
        case .uuid: return .uuid(try self.uuid(index))
        case .text: return .text(try self.text(index))
        case .int: return .int(try self.int8(index))
        case .double: return .double(try self.double(index))
        case .bool: return .bool(try self.bool(index))
        case .timestamp: return .timestamp(try self.timestamp(index))
        case .bytes: return .bytes(self.bytes(index) ?? [])
        }
    }
}

extension Column.Kind {
    var postgresType: PostgresType {
        switch self {
        case .uuid: .uuid
        case .text: .text
        case .int: .int8
        case .double: .float8
        case .bool: .bool
        case .timestamp: .timestamptz
        case .bytes: .bytea
        }
    }
}
