// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The entities of one type in an in-memory store.
struct InMemoryRepository<Model: Entity>: Repository {
    let storage: InMemoryStorage

    private var schema: EntitySchema<Model> { Model.schema }

    func find(_ id: Model.ID) async throws(RepositoryError) -> Model? {
        let key = self.key(id)
        return try self.model(self.storage.withContents { $0.tables.row(key) })
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable
    ) async throws(RepositoryError) -> Model? {
        let value = self.value(value.columnValue, of: key)
        return try self.model(self.storage.withContents { $0.tables.row(of: value) })
    }

    func taken(
        _ values: [UniqueKey<Model>: ColumnValue]
    ) async throws(RepositoryError) -> Set<UniqueKey<Model>> {
        let rows = self.storage.withContents { contents in
            values.filter { key, value in contents.tables.id(of: self.value(value, of: key)) != nil }
        }
        return Set(rows.keys)
    }

    func find(
        _ id: Model.ID,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? {
        let context = try self.context(transaction)
        return try self.model(try await context.read(.id(self.key(id)), lock))
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? {
        let context = try self.context(transaction)
        return try self.model(try await context.read(.value(self.value(value.columnValue, of: key)), lock))
    }

    func insert(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        try self.context(transaction).collect { () throws(RepositoryError) in try self.write(.insert, model) }
    }

    func update(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        try self.context(transaction).collect { () throws(RepositoryError) in try self.write(.update, model) }
    }

    private func key(_ id: Model.ID) -> RowKey {
        RowKey(table: self.schema.table, id: id.columnValue)
    }

    private func value(_ value: ColumnValue, of key: UniqueKey<Model>) -> UniqueValue {
        UniqueValue(table: self.schema.table, key: key.name, value: key.normalized(value))
    }

    private func context(_ transaction: borrowing Transaction) throws(RepositoryError) -> InMemoryTransaction {
        let context = try transaction.context(as: InMemoryTransaction.self)
        guard context.storage === self.storage else {
            throw RepositoryError(.foreignTransaction, "the transaction belongs to another store")
        }
        return context
    }

    private func write(_ kind: TableWrite.Kind, _ model: Model) throws(RepositoryError) -> TableWrite {
        TableWrite(
            kind: kind,
            table: self.schema.table,
            row: try self.schema.row(of: model),
            unique: self.schema.uniqueKeys.map { key in
                TableWrite.UniqueColumn(
                    name: key.name,
                    index: self.schema.columns.firstIndex { $0.name == key.column } ?? 0,
                    normalized: key.normalized
                )
            },
            version: self.schema.versionIndex
        )
    }

    private func model(_ row: [ColumnValue]?) throws(RepositoryError) -> Model? {
        guard let row else { return nil }
        return try self.schema.model(of: row)
    }
}
