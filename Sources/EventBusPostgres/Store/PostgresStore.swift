// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence
public import Logging
public import ServiceLifecycle
import Synchronization

/// A store in a Postgres database: entities, outbox and inbox of one module, in a Postgres schema of their own.
///
/// It is a service: `run()` migrates the schema, keeps connections and ends them at shutdown. Calls that come earlier wait
/// for that as long as they would wait for a connection, then fail with `unavailable`.
///
/// Needs PostgreSQL 14 or later, directly or through a pooler in session mode: prepared statements and session locks don't
/// work through one in transaction mode.
public final class PostgresStore: Store, Service {
    let storage: PostgresStorage
    private let migrations: [Migration]
    private let logger: Logger
    private let status = Mutex(Status.waiting)

    private enum Status: Sendable {
        case waiting
        case migrating(problem: String?)
        case ready
        case ended
    }

    /// Makes a store; nothing is opened before `run()`.
    ///
    /// - Parameters:
    ///   - configuration: where the database is.
    ///   - schema: the module's Postgres schema, created if it is missing: `a-z`, `0-9` and `_`.
    ///   - migrations: the module's own tables.
    ///   - logger: where what can't be thrown is told.
    /// - Throws: ``RepositoryError`` with code `invalidConfiguration` for an impossible schema name, `migration` for
    ///   versions that repeat or aren't positive, `unavailable` when the process is out of descriptors.
    public init(
        _ configuration: PostgresConfiguration,
        schema: String,
        migrations: [Migration] = [],
        logger: Logger = .current
    ) throws(RepositoryError) {
        self.storage = try PostgresStorage(configuration, schema: try SchemaName(schema), logger: logger)
        self.migrations = try MigrationPlan.ordered(migrations)
        self.logger = logger
    }

    /// Whether the database can be used.
    public var health: Health {
        switch self.status.withLock({ $0 }) {
        case .waiting: Health(problems: ["the store is not running"])
        case .migrating(let problem): Health(problems: [problem ?? "the schema is being migrated"])
        case .ended: Health(problems: ["the store has been shut down"])
        case .ready: self.storage.pool.problem == nil ? .ready : Health(problems: ["the database cannot be reached"])
        }
    }

    /// Runs tasks on the thread that reads from the database.
    ///
    /// A task that mostly waits for this store is cheaper there: an answer wakes no other thread, and reads of several tasks
    /// go out together. Whatever holds a thread up – blocking, long computing – holds up everybody who uses the store.
    /// Before ``run()`` and after it tasks run where all others do.
    ///
    /// ```swift
    /// try await withTaskExecutorPreference(store.executor) { try await importer.run() }
    /// ```
    public var executor: any TaskExecutor { self.storage.thread }

    /// The events that have been committed and are not yet on the bus.
    public var outbox: any Outbox { PostgresOutbox(storage: self.storage) }

    /// The entities of a type in this store.
    public func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        PostgresRepository<Model>(storage: self.storage)
    }

    /// Runs `body` and commits what it has collected; see ``Store/transaction(_:)``.
    ///
    /// A body that only writes takes one round trip, as one implicit transaction. The first read in it opens an explicit one.
    public func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        let context = PostgresTransaction(storage: self.storage)
        do {
            try await self.storage.waitUntilReady()
            let result = try await body(Transaction(context))
            // From here on it is not interrupted any more.
            try Task.checkCancellation()
            try await context.commit()
            await context.end(committed: true)
            if context.hasPublished { self.storage.commits.raise() }
            return result
        } catch {
            await context.end(committed: false)
            let first = context.failure ?? error
            // It may have taken effect, and looking once too often does no harm.
            if context.hasPublished { self.storage.commits.raise() }
            guard let failure = first as? RepositoryError, failure.cause is CancellationError else { throw first }
            throw CancellationError()
        }
    }

    /// Whether a transaction that handled a message has committed; see ``Store/isHandled(_:by:)``.
    public func isHandled(_ messageID: String, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        do {
            return try await self.storage.read(try self.storage.inbox.find(messageID, by: consumer)).count > 0
        } catch {
            throw error as? RepositoryError
                ?? RepositoryError(error as? PostgresError ?? PostgresError(.unexpectedData))
        }
    }

    /// Claims one more start of handling a message; see ``Store/claimStart(of:by:as:)``.
    public func claimStart(
        of messageID: String,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        do {
            let rows = try await self.storage.run(try self.storage.inbox.claim(messageID, by: consumer, as: start))
            return Int(try rows[0].int8(0))
        } catch {
            throw error as? RepositoryError
                ?? RepositoryError(error as? PostgresError ?? PostgresError(.unexpectedData))
        }
    }

    /// Migrates, serves until graceful shutdown or cancellation, then ends all sessions.
    ///
    /// While the database is away it tries again. At graceful shutdown transactions under way may end first, for 10 s.
    ///
    /// - Throws: ``RepositoryError`` with code `migration` when the schema can't be brought up to date; `CancellationError`.
    public func run() async throws {
        let isFirst = self.status.withLock { status in
            guard case .waiting = status else { return false }
            status = .migrating(problem: nil)
            return true
        }
        guard isFirst else { throw RepositoryError(.unavailable, "a store runs only once") }
        try self.storage.thread.start()
        var failure: (any Error)?
        do {
            try await cancelWhenGracefulShutdown { try await self.serve() }
        } catch is CancellationError where !Task.isCancelled {
            // That was the graceful shutdown.
        } catch {
            failure = error
        }
        self.status.withLock { $0 = .ended }
        await self.storage.pool.shutDown(grace: .seconds(10))
        await self.storage.thread.stop()
        if let failure { throw failure }
    }

    private func serve() async throws {
        var pause = Duration.milliseconds(100)
        while true {
            do {
                try await self.migrate()
                break
            } catch let error as RepositoryError where error.isTransient {
                try Task.checkCancellation()
                self.status.withLock { $0 = .migrating(problem: error.message) }
                let detail = (error.cause as? PostgresError)?.metadata
                self.logger.info("The database cannot be reached yet", error: error, metadata: detail)
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
        self.storage.pool.start()
        self.status.withLock { $0 = .ready }
        self.storage.readiness.raise()
        while true {
            try await Task.sleep(for: .seconds(3600))
            await self.cleanUp()
        }
    }

    private func migrate() async throws {
        let connection: Connection
        do {
            connection = try await Connection.open(
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
        defer { connection.close() }
        try await Migrator(
            connection: connection,
            schema: self.storage.schema,
            migrations: self.migrations,
            logger: self.logger
        ).run()
    }

    /// Forgets messages that no broker will deliver again, a chunk at a time.
    private func cleanUp() async {
        for statement in self.storage.inbox.cleanUp(olderThan: self.storage.configuration.inboxRetention) {
            while !Task.isCancelled, case .completed(let results)? = try? await self.storage.pool.run([statement]),
                results.first?.affected == InboxRows.cleanupChunk
            {}
        }
    }
}
