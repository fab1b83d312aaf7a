// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// A module's entities, its outbox and its inbox, which change together or not at all.
///
/// ``InMemoryStore`` is for tests and programs without a database; the product `EventBusPostgres` has a store for
/// production. `StoreConformance` in the product `EventBusTesting` is the executable form of this contract.
public protocol Store: Sendable {
    /// Runs `body` and commits its writes and events. If `body` throws or a write fails, nothing is committed.
    ///
    /// **Writes are collected** and sent together. After the first write that fails the transaction can only fail: even
    /// if `body` catches the error, this method throws that first error and nothing is committed. Isolation is that of
    /// SQL's READ COMMITTED: whoever writes a row, inserts a unique value or marks an event that another open transaction has written
    /// waits until that one has ended, or fails with `locked` after a few seconds. Of transactions that wait for each other one fails
    /// with `serialization`. Cancellation does not interrupt a commit that has begun.
    ///
    /// - Throws: ``RepositoryError``; what `body` throws; `CancellationError`.
    func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result

    /// Returns the repository for entities of a type.
    func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model>

    /// The committed events that are not yet on the bus.
    var outbox: any Outbox { get }

    /// Counts a start of handling an event, durably and before it happens; for consumers.
    ///
    /// A caller that did not get an answer calls again with the same `start`, which is not counted twice.
    ///
    /// - Parameters:
    ///   - event: the event.
    ///   - redrive: how often it was redriven; each redrive counts from zero.
    ///   - consumer: the consumer that handles it.
    ///   - start: identifies this start.
    /// - Returns: the number of starts of this event by this consumer since this redrive, including this one.
    /// - Throws: ``RepositoryError``.
    func claimStart(
        of event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int

    /// Returns whether a consumer has handled an event, in a transaction that has committed; for consumers.
    ///
    /// - Throws: ``RepositoryError``.
    func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool
}
