// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// A store in the memory of the process, for tests and for programs that need no database.
///
/// Conflicts, waits for other transactions, atomicity, failed transactions and rejected values are the same as with the Postgres
/// store, and both pass the same conformance suite. The contents are lost when the process ends.
public final class InMemoryStore: Store {
    private let storage: InMemoryStorage

    /// Creates an empty store.
    ///
    /// Values out of range stop the program.
    ///
    /// - Parameters:
    ///   - inboxRetention: how long the inbox remembers handled events, by the time of `Stamp`; it should be longer than a bus may
    ///     deliver them again. Must be positive.
    ///   - lockTimeout: how long a transaction waits for what another one has written, or read with a lock, before it fails with
    ///     `locked`; the default is that of Postgres stores. At least 1 ms.
    ///   - clock: measures these waits.
    public convenience init(
        inboxRetention: Duration = .seconds(30 * 24 * 3600),
        lockTimeout: Duration = .seconds(4),
        clock: some Clock<Duration> = ContinuousClock()
    ) {
        require(inboxRetention > .zero, "inboxRetention is \(inboxRetention), must be positive")
        require(lockTimeout >= .milliseconds(1), "lockTimeout is \(lockTimeout), must be at least 1 ms")
        let limit = InMemoryStorage.LockTimeout(duration: lockTimeout, clock: RelativeClock(clock))
        self.init(InMemoryStorage(retention: inboxRetention, lockTimeout: limit, observer: nil))
    }

    /// Creates a store whose observer ends the waits for other transactions.
    package convenience init(observer: any InMemoryStoreObserver) {
        let retention = Duration.seconds(30 * 24 * 3600)
        self.init(InMemoryStorage(retention: retention, lockTimeout: nil, observer: observer))
    }

    private init(_ storage: InMemoryStorage) { self.storage = storage }

    /// The numbers of handled events and of claims that the store remembers.
    package var inboxCounts: (handled: Int, claims: Int) { self.storage.withContents { $0.tables.inboxCounts } }

    /// The number of transactions that hold what they have written.
    package var openTransactions: Int { self.storage.withContents { $0.openTransactions } }

    /// Ends a transaction whose client does not answer any more; does nothing to one that has committed.
    package static func abort(_ context: any TransactionContext) {
        (context as? InMemoryTransaction)?.abort()
    }

    /// Lets another transaction hold the row that a transaction is going to write next.
    ///
    /// - Returns: how to end it; `nil` if somebody holds the row already, or nothing is to be written.
    package func holdRow(neededBy context: any TransactionContext) -> (@Sendable () -> Void)? {
        (context as? InMemoryTransaction)?.nextRow.flatMap { self.storage.hold(.row($0)) }
    }

    /// Lets another transaction hold a row; returns how to end it, or `nil` if somebody holds the row already.
    package func holdRow<Model: Entity>(_ id: Model.ID, of type: Model.Type) -> (@Sendable () -> Void)? {
        self.storage.hold(.row(RowKey(table: Model.schema.table, id: id.columnValue)))
    }

    /// The number of waiting events, and whether a relay owns the outbox.
    package func outboxReport() -> (rows: Int, isOwned: Bool) {
        (self.storage.withContents { $0.tables.outbox.count }, self.storage.ownership.isTaken)
    }

    /// Returns all entities of a type, in the order of their ids.
    package func all<Model: Entity>(_ type: Model.Type) throws(RepositoryError) -> [Model] {
        let rows = self.storage.withContents { $0.tables.rows(of: Model.schema.table) }
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
        do {
            let result = try await body(Transaction(context))
            try Task.checkCancellation()
            if try await context.commit() { self.storage.commits.raise() }
            return result
        } catch {
            let first = context.failure ?? error
            guard let failure = first as? RepositoryError, failure.cause is CancellationError else { throw first }
            throw CancellationError()
        }
    }

    /// Returns the repository for entities of a type.
    public func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        InMemoryRepository<Model>(storage: self.storage)
    }

    /// Returns whether a consumer has handled an event; see ``Store/isHandled(_:by:)``.
    public func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        let key = try InboxKey(event, by: consumer)
        return self.storage.withContents { $0.tables.isHandled(key) }
    }

    /// Counts a start of an event before it happens; see ``Store/claimStart(of:redrive:by:as:)``.
    public func claimStart(
        of event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        let key = try InboxKey(event, by: consumer)
        let time = Stamp.next().time
        let count = self.storage.withContents { $0.tables.claimStart(key, redrive: redrive, as: start, at: time) }
        self.storage.observer?.didClaim(event, by: consumer)
        return count
    }
}
