// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import Synchronization

/// A store in the memory of the process, for tests and for programs that need no database.
///
/// Conflicts, atomicity, failed transactions and rejected values are the same as with the Postgres store, and both pass
/// the same conformance suite. The contents are lost when the process ends.
public final class InMemoryStore: Store {
    private let storage: InMemoryStorage

    /// Creates an empty store.
    public init() {
        self.storage = InMemoryStorage()
    }

    package init(observer: any InMemoryStoreObserver) {
        self.storage = InMemoryStorage(observer: observer)
    }

    /// The number of waiting events, and whether a relay owns the outbox.
    package func outboxReport() -> (rows: Int, isOwned: Bool) {
        (self.storage.tables.withLock { $0.outbox.count }, self.storage.ownership.isTaken)
    }

    /// Returns all entities of a type, in the order of their ids.
    package func all<Model: Entity>(_ type: Model.Type) throws(RepositoryError) -> [Model] {
        let rows = self.storage.tables.withLock { $0.rows(of: Model.schema.table) }
        var models: [Model] = []
        for row in rows { models.append(try Model.schema.model(of: row)) }
        return models
    }

    /// The committed events that are not yet on the bus.
    public var outbox: any Outbox { InMemoryOutbox(storage: self.storage) }

    /// Runs `body` and commits its writes; see ``Store/transaction(_:)``.
    public func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        let context = InMemoryTransaction(storage: self.storage)
        defer { context.end() }
        let result: Result
        do {
            result = try await body(Transaction(context))
            try Task.checkCancellation()
        } catch {
            throw context.failure ?? error
        }
        let hasPublished = try context.commit()
        if hasPublished { self.storage.commits.raise() }
        return result
    }

    /// Returns the repository for entities of a type.
    public func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        InMemoryRepository<Model>(storage: self.storage)
    }

    /// Returns whether a consumer has handled an event; see ``Store/isHandled(_:by:)``.
    public func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        let key = try Tables.InboxKey(event, by: consumer)
        return self.storage.tables.withLock { $0.isHandled(key) }
    }

    /// Counts a start of an event before it happens; see ``Store/claimStart(of:redrive:by:as:)``.
    public func claimStart(
        of event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        let key = try Tables.InboxKey(event, by: consumer)
        let count = self.storage.tables.withLock { $0.claimStart(key, redrive: redrive, as: start) }
        self.storage.observer?.didClaim(event, by: consumer)
        return count
    }
}
