// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence
public import Logging
public import ServiceLifecycle
import Synchronization

/// A store in a Postgres database: the entities, the outbox and the inbox of one module, in its own Postgres schema.
///
/// The store is a service: ``run()`` migrates the schema, then keeps connections open until shutdown. Calls before the
/// schema is ready wait as long as they would wait for a connection, then fail with `unavailable`.
///
/// PostgreSQL 14 or later is required. A connection pooler must be in session mode: in transaction mode prepared
/// statements and session locks do not work, so ``run()`` refuses it.
public final class PostgresStore: Store, Service {
    let storage: PostgresStorage
    private let migrations: [Migration]
    private let logger: Logger
    private let status = Mutex(Status.waiting)
    private let cleaner: InboxCleaner

    private enum Status: Sendable {
        case waiting
        case migrating(problem: String?)
        case ready
        case ended
    }

    /// Creates a store, which opens no connection before ``run()``.
    ///
    /// - Parameters:
    ///   - configuration: where the database is.
    ///   - schema: the module's Postgres schema, which is created if it does not exist: `a-z`, `0-9` and `_`.
    ///   - migrations: the steps that create the module's tables.
    ///   - logger: logs failures of connections and applied migrations.
    /// - Throws: `RepositoryError` with code `invalidConfiguration` if the schema's name or a value of the configuration is
    ///   not valid, `migration` if versions are not positive or occur twice, `unavailable` if the process has no file
    ///   descriptors left.
    public init(
        _ configuration: PostgresConfiguration,
        schema: String,
        migrations: [Migration] = [],
        logger: Logger = .current
    ) throws(RepositoryError) {
        self.storage = try PostgresStorage(configuration, schema: try SchemaName(schema), logger: logger)
        self.migrations = try MigrationPlan.ordered(migrations)
        self.logger = logger
        self.cleaner = InboxCleaner(storage: self.storage, logger: logger)
    }

    /// Whether the database can be used.
    public var health: Health {
        switch self.status.withLock({ $0 }) {
        case .waiting: Health(problems: ["the store is not running"])
        case .migrating(let problem): Health(problems: [problem ?? "the schema is being migrated"])
        case .ended: Health(problems: ["the store has been shut down"])
        case .ready: self.healthWhileReady
        }
    }

    private var healthWhileReady: Health {
        let problem = self.storage.pool.problem.map { error in
            "the database cannot be reached\(error.connectionDetail.map { ": \($0)" } ?? "")"
        }
        return Health(problems: problem.map { [$0] } ?? [], notes: self.cleaner.problem.map { [$0] } ?? [])
    }

    /// An executor that runs tasks on the thread that reads from the database.
    ///
    /// A task that mostly waits for this store is cheaper there: an answer does not have to wake another thread, and
    /// reads of several tasks are sent together. Code that blocks or computes for long delays everyone who uses the
    /// store. Before and after ``run()`` tasks run on the global executor.
    ///
    /// ```swift
    /// try await withTaskExecutorPreference(store.executor) { try await importer.run() }
    /// ```
    public var executor: any TaskExecutor { self.storage.thread }

    /// The committed events that are not yet on the bus.
    public var outbox: any Outbox { PostgresOutbox(storage: self.storage) }

    /// Returns the repository for entities of a type.
    public func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        PostgresRepository<Model>(storage: self.storage)
    }

    /// Runs `body` and commits its writes; see `Store.transaction(_:)`.
    ///
    /// If `body` only writes, all of it takes one round trip, as an implicit transaction. The first read opens an
    /// explicit one. Small transactions that only insert share a commit of the server when many come at once; each fails by itself.
    public func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        let context = PostgresTransaction(storage: self.storage)
        do {
            try await self.storage.waitUntilReady()
            let result = try await ConnectionPool.$holder.withValue(context) {
                try await body(Transaction(context))
            }
            // Cancellation does not interrupt a commit.
            try Task.checkCancellation()
            try await context.commit()
            await context.end(committed: true)
            if context.hasPublished { self.storage.commits.raise() }
            return result
        } catch {
            await context.end(committed: false)
            let first = context.failure ?? error
            // The commit may have taken effect. Waking the relay without need does no harm.
            if context.hasPublished { self.storage.commits.raise() }
            guard let failure = first as? RepositoryError, failure.cause is CancellationError else { throw first }
            throw CancellationError()
        }
    }

    /// Returns whether a consumer has handled an event; see `Store.isHandled(_:by:)`.
    public func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        do {
            return try await self.storage.read(try self.storage.inbox.find(event, by: consumer)).count > 0
        } catch {
            throw RepositoryError(error)
        }
    }

    /// Counts a start of an event before it happens; see `Store.claimStart(of:redrive:by:as:)`.
    public func claimStart(
        of event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        do {
            let claim = try self.storage.inbox.claim(event, redrive: redrive, by: consumer, as: start)
            let rows = try await self.storage.run(claim)
            return Int(try rows[0].int8(0))
        } catch {
            throw RepositoryError(error)
        }
    }

    /// Migrates the schema, serves until graceful shutdown or cancellation, then closes all connections.
    ///
    /// While the database cannot be reached, it is tried again. At graceful shutdown open transactions have 10 s to
    /// finish. A store runs once; a second call traps.
    ///
    /// - Throws: `RepositoryError` with code `migration` if the schema cannot be brought up to date, `invalidConfiguration` if the
    ///   database is behind a connection pooler that is not in session mode; `CancellationError`.
    public func run() async throws {
        let isFirst = self.status.withLock { status in
            guard case .waiting = status else { return false }
            status = .migrating(problem: nil)
            return true
        }
        require(isFirst, "this Postgres store runs already or has run; create another one")
        try self.storage.thread.start()
        // Until the end: transactions that finish during shutdown have events too.
        async let _: Void = self.storage.announceCommits()
        var failure: (any Error)?
        do {
            try await cancelWhenGracefulShutdown { try await self.serve() }
        } catch is CancellationError where !Task.isCancelled {
            // Graceful shutdown has cancelled `serve`.
        } catch {
            failure = error
        }
        self.status.withLock { $0 = .ended }
        await self.storage.pool.shutDown(grace: .seconds(10))
        await self.storage.thread.stop()
        if let failure { throw failure }
    }

    private func serve() async throws {
        var backoff = Backoff(first: .milliseconds(100), longest: .seconds(5))
        var log = OutageLog()
        while true {
            do {
                try await self.migrate()
                break
            } catch let error as RepositoryError where error.isTransient {
                try Task.checkCancellation()
                let cause = error.cause as? PostgresError
                let problem = error.message + (cause?.connectionDetail.map { ": \($0)" } ?? "")
                self.status.withLock { $0 = .migrating(problem: problem) }
                let level = log.levelOfNextFailure()
                self.logger.log(
                    level: level,
                    "The database cannot be reached yet",
                    error: error,
                    metadata: cause?.metadata
                )
                try await Task.sleep(for: backoff.next())
            }
        }
        self.storage.pool.start()
        self.status.withLock { $0 = .ready }
        self.storage.readiness.raise()
        try await self.cleaner.run()
    }

    private func openMigrationConnection() async throws(RepositoryError) -> Connection {
        do {
            return try await Connection.open(
                ConnectionParameters(
                    self.storage.configuration,
                    settings: self.storage.configuration.migrationSettings(self.storage.schema)
                ),
                mode: .script,
                timeouts: ConnectionCore.Timeouts(connect: self.storage.configuration.connectTimeout, response: nil),
                on: self.storage.thread
            )
        } catch {
            throw RepositoryError(error)
        }
    }

    private func migrate() async throws {
        let connection = try await self.openMigrationConnection()
        defer { connection.close() }
        if connection.isPooled {
            let second = try await self.openMigrationConnection()
            defer { second.close() }
            try await PoolerCheck.run(connection, second)
        }
        try await Migrator(
            connection: connection,
            schema: self.storage.schema,
            migrations: self.migrations,
            logger: self.logger
        ).run()
    }
}
