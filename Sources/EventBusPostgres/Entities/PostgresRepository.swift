// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

/// The entities of one type in a Postgres store.
struct PostgresRepository<Model: Entity>: Repository {
    private let storage: PostgresStorage
    private let schema = Model.schema
    private let sql: EntitySQL<Model>

    init(storage: PostgresStorage) {
        self.storage = storage
        self.sql = EntitySQL(schema: Model.schema, namespace: storage.schema.name)
    }

    func find(_ id: Model.ID) async throws(RepositoryError) -> Model? {
        guard let statement = self.sql.find(id.columnValue) else { return nil }
        return try self.model(try await self.storage.read(statement))
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable
    ) async throws(RepositoryError) -> Model? {
        guard let statement = self.sql.find(by: key, value.columnValue) else { return nil }
        return try self.model(try await self.storage.read(statement))
    }

    func taken(
        _ values: [UniqueKey<Model>: ColumnValue]
    ) async throws(RepositoryError) -> Set<UniqueKey<Model>> {
        let (statement, keys) = self.sql.taken(values)
        guard !keys.isEmpty else { return [] }
        let rows = try await self.storage.read(statement)
        return try RepositoryError.converting {
            Set(try keys.indices.filter { try rows[0].bool($0) }.map { keys[$0] })
        }
    }

    func find(
        _ id: Model.ID,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? {
        let context = try self.context(transaction)
        let statement = self.sql.find(id.columnValue, lock: lock)
        return try self.model(try await context.read(statement))
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? {
        let context = try self.context(transaction)
        let statement = self.sql.find(by: key, value.columnValue, lock: lock)
        return try self.model(try await context.read(statement))
    }

    func insert(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        let context = try self.context(transaction)
        try context.collect { () throws(RepositoryError) in
            PostgresWrite(Statement(self.sql.insert, try self.parameters(model)), table: self.sql.table)
        }
    }

    func update(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        let context = try self.context(transaction)
        try context.collect { () throws(RepositoryError) in
            let statement = Statement(self.sql.update, try self.parameters(model))
            return PostgresWrite(statement, table: self.sql.table, mustTouchRow: true)
        }
    }

    private func context(_ transaction: borrowing Transaction) throws(RepositoryError) -> PostgresTransaction {
        let context = try transaction.context(as: PostgresTransaction.self)
        guard context.storage === self.storage else {
            throw RepositoryError(.foreignTransaction, "the transaction belongs to another store")
        }
        return context
    }

    private func parameters(_ model: Model) throws(RepositoryError) -> [Parameter] {
        let row = try self.schema.row(of: model)
        return try RepositoryError.converting {
            try zip(row, self.schema.columns).map { try Parameter($0, for: $1) }
        }
    }

    private func model(_ rows: Rows?) throws(RepositoryError) -> Model? {
        guard let rows, rows.count > 0 else { return nil }
        return try self.schema.model(of: try rows[0].values(of: self.schema.columns))
    }
}
