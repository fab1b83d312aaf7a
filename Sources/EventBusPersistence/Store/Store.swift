// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// Where a module keeps its entities, its outbox and its inbox, so that they change together or not at all.
///
/// `InMemoryStore` is the embedded default; `EventBusPostgres` has the one for deployment. `StoreConformance` in the
/// product `EventBusTesting` is the contract in executable form.
public protocol Store: Sendable {
    /// Runs `body` and commits what it has collected; if `body` or a write throws, nothing of it remains.
    ///
    /// **Writes are collected** and sent together. The first write that fails poisons the transaction: whatever `body` does
    /// afterwards, even if it swallows the error, this method throws that first error and nothing is committed. Isolation is
    /// that of SQL's READ COMMITTED. A commit under way is not interrupted by cancellation.
    ///
    /// - Throws: ``RepositoryError``; what `body` throws; `CancellationError`.
    func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result

    /// The entities of a type in this store.
    func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model>

    /// The events that have been committed and are not yet on the bus.
    var outbox: any Outbox { get }

    /// Claims one more start of handling a message, durably and before it happens.
    ///
    /// Claiming again with the id of the message's last claim, because its answer was lost, changes nothing.
    ///
    /// - Parameters:
    ///   - messageID: the message.
    ///   - consumer: who handles it.
    ///   - start: identifies this start.
    /// - Returns: how many starts of it have been claimed by this consumer so far, this one included.
    /// - Throws: ``RepositoryError``.
    func claimStart(
        of messageID: String,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int

    /// Whether a transaction that handled a message has committed.
    ///
    /// - Throws: ``RepositoryError``.
    func isHandled(_ messageID: String, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool
}
