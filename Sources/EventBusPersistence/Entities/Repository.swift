// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The entities of one type in one store.
///
/// A module gets it from its store with `store.repository(for: User.self)`. Each store has one generic implementation,
/// driven by the entity's ``EntitySchema``.
public protocol Repository<Model>: Sendable {
    /// The type of the entities.
    associatedtype Model: Entity

    /// Returns the committed entity with an id, or `nil`.
    ///
    /// - Throws: ``RepositoryError``, with code `unavailable` if the store cannot be reached.
    func find(_ id: Model.ID) async throws(RepositoryError) -> Model?

    /// Returns the committed entity with a value in a unique column, or `nil`.
    ///
    /// - Throws: ``RepositoryError``, with code `unavailable` if the store cannot be reached.
    func find(by key: UniqueKey<Model>, _ value: some ColumnConvertible & Sendable) async throws(RepositoryError)
        -> Model?

    /// Returns those of the unique keys whose value is taken by a committed entity.
    ///
    /// This takes one round trip, so that a form with several unique fields can be rejected before anything costly is
    /// done, with all taken fields named. Nothing is reserved: of two callers that find a value free, one gets
    /// `conflict` when it commits.
    ///
    /// - Throws: ``RepositoryError``, with code `unavailable` if the store cannot be reached.
    func taken(_ values: [UniqueKey<Model>: ColumnValue]) async throws(RepositoryError) -> Set<UniqueKey<Model>>

    /// Returns the entity with an id as the transaction sees it, including the transaction's own writes.
    ///
    /// Sends the writes collected so far; if one of them fails, this method throws its error.
    ///
    /// - Parameters:
    ///   - id: the id.
    ///   - transaction: the transaction.
    ///   - lock: whether others that want to change the entity have to wait for the end of the transaction.
    /// - Throws: ``RepositoryError``, with code `locked` if another transaction holds the entity for longer than the store waits,
    ///   `serialization` if the two transactions wait for each other, `foreignTransaction` if the transaction belongs to another store.
    func find(_ id: Model.ID, in transaction: borrowing Transaction, lock: RowLock) async throws(RepositoryError)
        -> Model?

    /// Returns the entity with a value in a unique column as the transaction sees it, including the transaction's own
    /// writes.
    ///
    /// If another transaction has changed the value in the meantime, there is no such entity.
    ///
    /// - Parameters:
    ///   - key: the unique key.
    ///   - value: the value in the key's column.
    ///   - transaction: the transaction.
    ///   - lock: whether others that want to change the entity have to wait for the end of the transaction.
    /// - Throws: ``RepositoryError``, as ``find(_:in:lock:)`` does.
    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model?

    /// Adds an insert to the transaction. If a unique key is taken, the transaction fails with `conflict`.
    ///
    /// - Throws: ``RepositoryError`` if the model cannot be encoded (`invalidValue`), or if the transaction has failed,
    ///   has ended or belongs to another store.
    func insert(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError)

    /// Adds an update of the entity with the model's id to the transaction. If there is no such entity, the transaction
    /// fails with `notFound`; if a unique key is taken, with `conflict`; if the schema has a version column and the model's version is
    /// not the stored one, with `stale`.
    ///
    /// What is stored has the next version.
    ///
    /// - Throws: ``RepositoryError``, as ``insert(_:in:)`` does.
    func update(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError)
}

/// Whether a read in a transaction locks the entity that it finds.
public enum RowLock: Sendable, Hashable {
    /// Others that want to change the entity, or to read it with a lock, wait for the end of the transaction.
    ///
    /// What is computed from the entity is then still true when it is written: SQL's `FOR NO KEY UPDATE`.
    case exclusive
    /// No lock: for entities that the transaction only reads.
    case none
}

extension Repository {
    /// Returns the entity with an id, locked until the end of the transaction; see ``find(_:in:lock:)``.
    ///
    /// So a handler that reads, computes and updates loses no update:
    ///
    /// ```swift
    /// guard var account = try await accounts.find(id, in: transaction) else { return }
    /// account.balance += amount
    /// try accounts.update(account, in: transaction)
    /// ```
    public func find(_ id: Model.ID, in transaction: borrowing Transaction) async throws(RepositoryError) -> Model? {
        try await self.find(id, in: transaction, lock: .exclusive)
    }

    /// Returns the entity with a value in a unique column, locked until the end of the transaction; see ``find(by:_:in:lock:)``.
    public func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction
    ) async throws(RepositoryError) -> Model? {
        try await self.find(by: key, value, in: transaction, lock: .exclusive)
    }
}
