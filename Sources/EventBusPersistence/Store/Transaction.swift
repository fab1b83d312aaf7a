// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// An open transaction, lent to the closure of ``Store/transaction(_:)``.
///
/// The compiler rejects code in which it outlives the closure.
public struct Transaction: ~Copyable, Sendable {
    /// The store's own state; for stores that wrap another one.
    public let context: any TransactionContext

    /// Creates a transaction from a store's own state; for stores.
    public init(_ context: any TransactionContext) {
        self.context = context
    }

    /// Adds an event to the outbox in the same commit, so that it is published if and only if the transaction commits.
    ///
    /// - Throws: `BusError` with code `invalidMessage` if the event cannot be encoded or is too large;
    ///   ``RepositoryError`` if the transaction has failed or has ended.
    public borrowing func publish(_ event: some Event) throws {
        try self.context.publish(try Message(event))
    }

    /// Returns the store's own state; for stores.
    ///
    /// - Throws: ``RepositoryError`` with code `foreignTransaction` if the transaction belongs to another kind of store.
    public borrowing func context<Context: TransactionContext>(
        as type: Context.Type
    ) throws(RepositoryError) -> Context {
        guard let context = self.context as? Context else {
            throw RepositoryError(.foreignTransaction, "the transaction belongs to another store")
        }
        return context
    }

    /// Records events as handled by a consumer; see ``TransactionContext/markHandled(_:by:)``.
    package borrowing func markHandled(
        _ events: [EventIdentity],
        by consumer: SubscriptionName
    ) async throws(RepositoryError) -> [Bool] {
        try await self.context.markHandled(events, by: consumer)
    }
}

/// A store's own state of a transaction, which each store implements.
///
/// After the end of the transaction the methods throw ``RepositoryError`` with code `transactionEnded`.
public protocol TransactionContext: AnyObject, Sendable {
    /// Adds an outbox row to the transaction.
    func publish(_ message: Message) throws(RepositoryError)

    /// Inserts an inbox row for each event, and returns for each position whether the event was new.
    ///
    /// An event that occurs twice is new only at its first occurrence. Sends the writes collected so far.
    func markHandled(_ events: [EventIdentity], by consumer: SubscriptionName) async throws(RepositoryError) -> [Bool]
}
