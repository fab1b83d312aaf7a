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
    /// - Throws: ``RepositoryError``, with code `foreignTransaction` if the transaction belongs to another store.
    func find(_ id: Model.ID, in transaction: borrowing Transaction) async throws(RepositoryError) -> Model?

    /// Returns the entity with a value in a unique column as the transaction sees it, including the transaction's own
    /// writes.
    ///
    /// Sends the writes collected so far; if one of them fails, this method throws its error.
    ///
    /// - Throws: ``RepositoryError``, with code `foreignTransaction` if the transaction belongs to another store.
    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction
    ) async throws(RepositoryError) -> Model?

    /// Adds an insert to the transaction. If a unique key is taken, the transaction fails with `conflict`.
    ///
    /// - Throws: ``RepositoryError`` if the model cannot be encoded (`invalidValue`), or if the transaction has failed,
    ///   has ended or belongs to another store.
    func insert(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError)

    /// Adds an update of the entity with the model's id to the transaction. If there is no such entity, the transaction
    /// fails with `notFound`; if a unique key is taken, with `conflict`.
    ///
    /// - Throws: ``RepositoryError``, as ``insert(_:in:)`` does.
    func update(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError)
}
