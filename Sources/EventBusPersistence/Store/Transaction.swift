// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// A transaction that is open: lent to a closure and to nobody else.
///
/// The compiler forbids letting it escape.
public struct Transaction: ~Copyable, Sendable {
    /// The store's own state as it is; only for stores that wrap another one, to observe it or to make it fail.
    public let context: any TransactionContext

    /// Makes a transaction of a store's own state; only for store implementations.
    public init(_ context: any TransactionContext) {
        self.context = context
    }

    /// Publishes an event if and when the transaction commits: an outbox row in the same commit.
    ///
    /// - Throws: ``BusError`` with code `invalidMessage` when the event cannot be encoded or is too large;
    ///   ``RepositoryError`` when the transaction has failed or has ended.
    public borrowing func publish(_ event: some Event) throws {
        try self.context.publish(try Message(event))
    }

    /// The store's own state; only for store implementations.
    ///
    /// - Throws: ``RepositoryError`` with code `foreignTransaction` when the transaction is another kind of store's.
    public borrowing func context<Context: TransactionContext>(
        as type: Context.Type
    ) throws(RepositoryError) -> Context {
        guard let context = self.context as? Context else {
            throw RepositoryError(.foreignTransaction, "the transaction belongs to another store")
        }
        return context
    }

    /// Notes that the consumer has handled messages; see ``TransactionContext/markHandled(_:by:)``.
    package borrowing func markHandled(_ ids: [String], by consumer: SubscriptionName) async throws(RepositoryError)
        -> [Bool]
    {
        try await self.context.markHandled(ids, by: consumer)
    }
}

/// A store's own state of a transaction: what a store implementation has to provide.
///
/// Its methods throw ``RepositoryError`` with code `transactionEnded` once the transaction's scope has ended.
public protocol TransactionContext: AnyObject, Sendable {
    /// Collects an outbox row.
    func publish(_ message: Message) throws(RepositoryError)

    /// Inserts inbox rows, one per message id, and says which of them were new.
    ///
    /// The answer is per position: an id that occurs twice is new only at its first occurrence. Sends the writes collected so far.
    func markHandled(_ ids: [String], by consumer: SubscriptionName) async throws(RepositoryError) -> [Bool]
}
