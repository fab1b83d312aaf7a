// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The entities of one type in one store.
///
/// There is one generic variant per store, driven by the entity's ``EntitySchema``; a module asks its store for it:
/// `store.repository(for: User.self)`.
public protocol Repository<Model>: Sendable {
    /// What is kept.
    associatedtype Model: Entity

    /// The committed entity with an id, or `nil`.
    ///
    /// - Throws: ``RepositoryError``, with code `unavailable` when the store cannot be reached.
    func find(_ id: Model.ID) async throws(RepositoryError) -> Model?

    /// The committed entity with a value in a unique column, or `nil`.
    ///
    /// - Throws: ``RepositoryError``, with code `unavailable` when the store cannot be reached.
    func find(by key: UniqueKey<Model>, _ value: some ColumnConvertible & Sendable) async throws(RepositoryError)
        -> Model?

    /// The unique keys whose value a committed entity has.
    ///
    /// Takes one round trip, so that a form with several unique fields can be refused, all of them named, before anything
    /// costly is done. Nothing is reserved: of two callers that find a value free, one gets `conflict` when it commits.
    ///
    /// - Throws: ``RepositoryError``, with code `unavailable` when the store cannot be reached.
    func taken(_ values: [UniqueKey<Model>: ColumnValue]) async throws(RepositoryError) -> Set<UniqueKey<Model>>

    /// The entity with an id as the transaction sees it, its own writes included.
    ///
    /// Sends the writes collected so far; if one of them failed, throws that write's error.
    ///
    /// - Throws: ``RepositoryError``, with code `foreignTransaction` when the transaction is another store's.
    func find(_ id: Model.ID, in transaction: borrowing Transaction) async throws(RepositoryError) -> Model?

    /// The entity with a value in a unique column as the transaction sees it, its own writes included.
    ///
    /// Sends the writes collected so far; if one of them failed, throws that write's error.
    ///
    /// - Throws: ``RepositoryError``, with code `foreignTransaction` when the transaction is another store's.
    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction
    ) async throws(RepositoryError) -> Model?

    /// Collects an insert. It takes effect at commit; a unique key that is taken fails the transaction with `conflict`.
    ///
    /// - Throws: ``RepositoryError`` when the model cannot be encoded (`invalidValue`), or the transaction has failed,
    ///   has ended or is another store's.
    func insert(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError)

    /// Collects an update of the entity with the model's id. It takes effect at commit; a missing entity fails the
    /// transaction with `notFound`, a unique key that is taken with `conflict`.
    ///
    /// - Throws: as ``insert(_:in:)``.
    func update(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError)
}
