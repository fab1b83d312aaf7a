// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Logging

/// Brings a module's schema up to date, in one process at a time.
///
/// The lock is polled. A session that waits for it in the server would hold a snapshot, and `CREATE INDEX CONCURRENTLY`
/// in the session that has the lock would wait for that snapshot: a deadlock.
struct Migrator: Sendable {
    let connection: Connection
    let schema: SchemaName
    let migrations: [Migration]
    let logger: Logger

    private static let backoff = Backoff(first: .milliseconds(100), longest: .milliseconds(500))
    private static let attempts = 20

    private var table: String { self.schema.table("migrations") }

    func run() async throws {
        let key = self.schema.lock("migrations")
        var backoff = Self.backoff
        while try await self.query("SELECT pg_try_advisory_lock(\(key))") != [["t"]] {
            try await Task.sleep(for: backoff.next())
        }
        try await self.createBookkeeping()
        try await self.apply(PackageMigrations.all, of: "eventbus")
        try await self.apply(self.migrations, of: "module")
    }

    /// Creates only what is missing, so that a role without the CREATE privilege suffices once everything exists.
    private func createBookkeeping() async throws {
        guard try await self.query("SELECT to_regclass('\(self.table)') IS NULL") == [["t"]] else { return }
        if try await self.query("SELECT to_regnamespace('\(self.schema.name)') IS NULL") == [["t"]] {
            // Another module's migrator, which has another lock, may create the same schema at the same time.
            _ = try await self.query("CREATE SCHEMA IF NOT EXISTS \"\(self.schema.name)\"")
        }
        _ = try await self.query(
            """
            CREATE TABLE IF NOT EXISTS \(self.table) (
                owner text NOT NULL, version bigint NOT NULL, name text NOT NULL, checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (owner, version)
            )
            """
        )
    }

    private func apply(_ migrations: [Migration], of owner: String) async throws {
        let rows = try await self.query("SELECT version, checksum FROM \(self.table) WHERE owner = '\(owner)'")
        let applied = rows.map { MigrationPlan.Applied(version: Int($0[0]) ?? 0, checksum: $0[1]) }
        for migration in try MigrationPlan(known: migrations, applied: applied).pending {
            try await self.apply(migration, of: owner)
            self.logger.debug(
                "Migration applied",
                metadata: [
                    LogKey.postgresSchema: "\(self.schema.name)",
                    LogKey.postgresMigration: "\(migration.version)",
                ]
            )
        }
    }

    /// The texts to send one after the other, of which the last one records the step.
    ///
    /// In a transaction, a wait for a table lock is short and repeated, as statements of other sessions queue up behind it.
    private func scripts(_ migration: Migration, of owner: String) -> [String] {
        let name = migration.name.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
        let record = """
            INSERT INTO \(self.table) (owner, version, name, checksum)
            VALUES ('\(owner)', \(migration.version), '\(name)', '\(MigrationPlan.checksum(migration))')
            """
        // One text with several statements would be one transaction.
        if let statements = migration.statementsOutsideTransaction { return statements + [record] }
        return ["BEGIN; SET LOCAL lock_timeout = '3s';\n\(migration.sql)\n;\n\(record);\nCOMMIT"]
    }

    private func send(_ scripts: [String]) async throws -> ServerFailure? {
        for script in scripts {
            let outcome = await self.connection.run(script: script)
            if case .failed(let failure, _) = outcome { return failure }
            _ = try Self.results(outcome)
        }
        return nil
    }

    /// Applies a step and records it, in one transaction unless the step says otherwise.
    private func apply(_ migration: Migration, of owner: String) async throws {
        let scripts = self.scripts(migration, of: owner)
        var backoff = Self.backoff
        for attempt in 1... {
            guard let failure = try await self.send(scripts) else { return }
            _ = await self.connection.run(script: "ROLLBACK")
            let isContention = failure.state == .lockNotAvailable || failure.state.isContention
            guard isContention, attempt < Self.attempts else {
                let problem = failure.schemaProblem.map { ": \($0)" } ?? ""
                throw RepositoryError(
                    .migration,
                    "migration \(migration.version) (\(migration.name)) failed\(problem) (\(failure.state.code))",
                    cause: failure
                )
            }
            try await Task.sleep(for: backoff.next())
        }
    }

    private func query(_ sql: String) async throws -> [[String]] {
        let results = try Self.results(await self.connection.run(script: sql))
        guard let rows = results.last?.rows else { return [] }
        return try rows.map { row in try (0..<rows.columnCount).map { try row.text($0) } }
    }

    private static func results(_ outcome: SegmentOutcome) throws -> ArraySlice<StatementResult> {
        switch outcome {
        case .completed(let results): return results
        case .failed(let failure, _): throw RepositoryError(failure, of: nil)
        case .notSent(let loss), .lost(let loss): throw RepositoryError(loss, isCommit: false)
        }
    }
}
