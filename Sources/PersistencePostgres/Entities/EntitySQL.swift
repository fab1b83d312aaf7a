// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Persistence

/// The four statements of an entity, made once from its schema.
///
/// Its names are plain identifiers; the schema has checked.
struct EntitySQL<Model: Entity>: Sendable {
    let table: String
    let insert: String
    let update: String
    private let select: String
    private let id: Column

    init(schema: EntitySchema<Model>, namespace: String) {
        let table = "\"\(namespace)\".\"\(schema.table)\""
        let columns = schema.columns.map { "\"\($0.name)\"" }
        let list = columns.joined(separator: ", ")
        let places = columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        // With only an id there is nothing to set; setting the id to itself still says whether the row is there.
        let changed = columns.count > 1 ? columns.indices.dropFirst() : columns.indices
        let changes = changed.map { "\(columns[$0]) = $\($0 + 1)" }.joined(separator: ", ")
        self.table = schema.table
        self.id = schema.columns[0]
        self.insert = "INSERT INTO \(table) (\(list)) VALUES (\(places))"
        // 0 rows: 1 / 0 fails the transaction in the same round trip (22012).
        self.update = """
            WITH touched AS (UPDATE \(table) SET \(changes) WHERE "id" = $1 RETURNING 1) \
            SELECT 1 / count(*) FROM touched
            """
        self.select = "SELECT \(list) FROM \(table) WHERE "
    }

    /// nil: no row can hold the value.
    func find(_ value: ColumnValue) -> Statement? {
        self.find("\"id\" = $1", value, in: self.id)
    }

    /// nil: no row can hold the value.
    func find(by key: UniqueKey<Model>, _ value: ColumnValue) -> Statement? {
        guard let column = Model.schema.columns.first(where: { $0.name == key.column }) else { return nil }
        let isFolded = key.ignoringCase && column.kind == .text
        let condition = isFolded ? "lower(\"\(column.name)\" COLLATE \"C\") = $1" : "\"\(column.name)\" = $1"
        return self.find(condition, key.normalized(value), in: column)
    }

    private func find(_ condition: String, _ value: ColumnValue, in column: Column) -> Statement? {
        guard value.kind == column.kind, let parameter = try? Parameter(value, for: column) else { return nil }
        return Statement(self.select + condition, [parameter])
    }
}
