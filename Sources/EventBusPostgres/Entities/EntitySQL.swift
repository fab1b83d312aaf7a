// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

/// The statements for an entity, derived from its schema.
///
/// The schema has checked that all names are plain identifiers.
struct EntitySQL<Model: Entity>: Sendable {
    /// A unique key, and how to find its values.
    private struct Lookup: Sendable {
        let key: UniqueKey<Model>
        let column: Column
        let condition: String
        let find: Find
    }

    /// A query with and without a lock.
    private struct Find: Sendable {
        let plain: SQL
        let locking: SQL

        init(_ text: String) {
            self.plain = SQL(text)
            // The weakest lock that updates wait for: rows of other tables may still refer to the row.
            self.locking = SQL(text + " FOR NO KEY UPDATE")
        }

        func callAsFunction(_ lock: RowLock) -> SQL { lock == .none ? self.plain : self.locking }
    }

    let table: String
    let insert: SQL
    let update: SQL
    private let id: Column
    private let findByID: Find
    /// Finds those of several ids; `nil` if equal ids may differ in their bytes, as texts can.
    private let findByIDs: SQL?
    private let lookups: [Lookup]
    private let qualifiedTable: String
    /// Checks for all unique keys whether a value is taken.
    private let allTaken: SQL

    init(schema: EntitySchema<Model>, namespace: String) {
        let table = "\"\(namespace)\".\"\(schema.table)\""
        let columns = schema.columns.map { "\"\($0.name)\"" }
        let list = columns.joined(separator: ", ")
        let places = columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        // An entity with only an id has no other column to set. Setting the id to itself still finds out whether it
        // exists.
        let changed = columns.count > 1 ? columns.indices.dropFirst() : columns.indices
        let version = schema.versionIndex
        let changes = changed.map { "\(columns[$0]) = $\($0 + 1)\($0 == version ? " + 1" : "")" }.joined(
            separator: ", "
        )
        self.table = schema.table
        self.qualifiedTable = table
        self.id = schema.columns[0]
        self.insert = SQL("INSERT INTO \(table) (\(list)) VALUES (\(places))")
        // If no row was changed, the division by zero (22012) fails the transaction in the same round trip; if only the version is
        // another one, the logarithm of zero (2201E).
        let sameVersion = version.map { " AND \(columns[$0]) = $\($0 + 1)" } ?? ""
        let stale = "WHEN EXISTS (SELECT FROM \(table) WHERE \"id\" = $1) THEN ln(count(*)) "
        self.update = SQL(
            """
            WITH touched AS (UPDATE \(table) SET \(changes) WHERE "id" = $1\(sameVersion) RETURNING 1) \
            SELECT CASE WHEN count(*) = 1 THEN 1 \(version == nil ? "" : stale)ELSE 1 / count(*) END FROM touched
            """
        )
        self.findByID = Find("SELECT \(list) FROM \(table) WHERE \"id\" = $1")
        let isExact = schema.columns[0].kind == .uuid || schema.columns[0].kind == .int
        self.findByIDs = isExact ? SQL("SELECT \(list) FROM \(table) WHERE \"id\" = ANY($1)") : nil
        self.lookups = schema.uniqueKeys.compactMap { key in
            guard let column = schema.columns.first(where: { $0.name == key.column }) else { return nil }
            let isFolded = key.ignoringCase && column.kind == .text
            let condition = isFolded ? "lower(\"\(column.name)\" COLLATE \"C\")" : "\"\(column.name)\""
            let find = Find("SELECT \(list) FROM \(table) WHERE \(condition) = $1")
            return Lookup(key: key, column: column, condition: condition, find: find)
        }
        self.allTaken = Self.taken(table, self.lookups)
    }

    /// Returns `nil` if no row can have the value.
    func find(_ value: ColumnValue, lock: RowLock = .none) -> Statement? {
        guard let parameter = self.id.parameter(lookingUp: value) else { return nil }
        return Statement(self.findByID(lock), [parameter], forSeveralKeys: lock == .none ? self.findByIDs : nil)
    }

    /// Returns `nil` if no row can have the value, or the schema does not have the key.
    func find(by key: UniqueKey<Model>, _ value: ColumnValue, lock: RowLock = .none) -> Statement? {
        guard let lookup = self.lookups.first(where: { $0.key == key }) else { return nil }
        guard let parameter = lookup.column.parameter(lookingUp: key.normalized(value)) else { return nil }
        return Statement(lookup.find(lock), [parameter])
    }

    /// Returns a query with a Boolean for each of the returned keys.
    ///
    /// Keys whose value no row can have are left out.
    func taken(_ values: [UniqueKey<Model>: ColumnValue]) -> (Statement, [UniqueKey<Model>]) {
        var (parameters, lookups, keys): ([Parameter], [Lookup], [UniqueKey<Model>]) = ([], [], [])
        for lookup in self.lookups {
            guard let value = values[lookup.key],
                let parameter = lookup.column.parameter(lookingUp: lookup.key.normalized(value))
            else { continue }
            parameters.append(parameter)
            lookups.append(lookup)
            keys.append(lookup.key)
        }
        let sql = lookups.count == self.lookups.count ? self.allTaken : Self.taken(self.qualifiedTable, lookups)
        return (Statement(sql, parameters), keys)
    }

    private static func taken(_ table: String, _ lookups: [Lookup]) -> SQL {
        let checks = lookups.enumerated().map { index, lookup in
            "EXISTS (SELECT FROM \(table) WHERE \(lookup.condition) = $\(index + 1))"
        }
        return SQL("SELECT " + checks.joined(separator: ", "))
    }
}
