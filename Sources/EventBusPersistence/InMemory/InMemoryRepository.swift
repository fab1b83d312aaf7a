// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// The entities of one type in an in-memory store.
struct InMemoryRepository<Model: Entity>: Repository {
    let storage: InMemoryStorage

    private var schema: EntitySchema<Model> { Model.schema }

    func find(_ id: Model.ID) async throws(RepositoryError) -> Model? {
        let table = self.schema.table
        let value = id.columnValue
        return try self.model(self.storage.tables.withLock { $0.row(table, value) })
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable
    ) async throws(RepositoryError) -> Model? {
        let table = self.schema.table
        let value = key.normalized(value.columnValue)
        return try self.model(self.storage.tables.withLock { $0.row(table, by: key.name, value) })
    }

    func taken(
        _ values: [UniqueKey<Model>: ColumnValue]
    ) async throws(RepositoryError) -> Set<UniqueKey<Model>> {
        let table = self.schema.table
        let rows = self.storage.tables.withLock { tables in
            values.filter { key, value in tables.row(table, by: key.name, key.normalized(value)) != nil }
        }
        return Set(rows.keys)
    }

    func find(_ id: Model.ID, in transaction: borrowing Transaction) async throws(RepositoryError) -> Model? {
        let table = self.schema.table
        let value = id.columnValue
        return try self.model(try self.context(transaction).read { $0.row(table, value) })
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction
    ) async throws(RepositoryError) -> Model? {
        let table = self.schema.table
        let value = key.normalized(value.columnValue)
        return try self.model(try self.context(transaction).read { $0.row(table, by: key.name, value) })
    }

    func insert(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        try self.context(transaction).collect { () throws(RepositoryError) in .insert(try self.write(model)) }
    }

    func update(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        try self.context(transaction).collect { () throws(RepositoryError) in .update(try self.write(model)) }
    }

    private func context(_ transaction: borrowing Transaction) throws(RepositoryError) -> InMemoryTransaction {
        let context = try transaction.context(as: InMemoryTransaction.self)
        guard context.storage === self.storage else {
            throw RepositoryError(.foreignTransaction, "the transaction belongs to another store")
        }
        return context
    }

    private func write(_ model: Model) throws(RepositoryError) -> Tables.TableWrite {
        Tables.TableWrite(
            table: self.schema.table,
            row: try self.schema.row(of: model),
            unique: self.schema.uniqueKeys.map { key in
                Tables.UniqueColumn(
                    name: key.name,
                    index: self.schema.columns.firstIndex { $0.name == key.column } ?? 0,
                    normalized: key.normalized
                )
            }
        )
    }

    private func model(_ row: [ColumnValue]?) throws(RepositoryError) -> Model? {
        guard let row else { return nil }
        return try self.schema.model(of: row)
    }
}
