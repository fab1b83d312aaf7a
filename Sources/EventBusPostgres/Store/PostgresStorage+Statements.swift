// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension PostgresStorage {
    /// Runs a statement that changes nothing, possibly together with other reads.
    func read(_ statement: Statement) async throws(RepositoryError) -> Rows {
        try await self.rows { pool throws(PostgresError) in try await pool.read(statement) }
    }

    /// Runs a statement in its own transaction.
    func run(_ statement: Statement) async throws(RepositoryError) -> Rows {
        try await self.rows { pool throws(PostgresError) in try await pool.run([statement]) }
    }

    private func rows(
        _ send: (ConnectionPool) async throws(PostgresError) -> SegmentOutcome
    ) async throws(RepositoryError) -> Rows {
        if self.readiness.value == 0 { try await self.waitUntilReady() }
        do {
            return try self.rows(try await send(self.pool))
        } catch {
            throw RepositoryError(error)
        }
    }

    /// The rows of the last statement.
    func rows(_ outcome: SegmentOutcome) throws(RepositoryError) -> Rows {
        try self.results(outcome).last?.rows ?? Rows(columnCount: 0)
    }

    /// The results of all statements.
    func results(_ outcome: SegmentOutcome) throws(RepositoryError) -> ArraySlice<StatementResult> {
        switch outcome {
        case .completed(let results): return results
        case .failed(let failure, _): throw RepositoryError(failure, of: nil)
        case .notSent(let loss), .lost(let loss): throw RepositoryError(loss, isCommit: false)
        }
    }

    /// Opens a session with the settings for the relay's query.
    ///
    /// - Parameter onNotification: called when the server has sent something that the session listens for.
    func openRelayConnection(
        onNotification: @escaping @Sendable () -> Void
    ) async throws(RepositoryError) -> Connection {
        let settings =
            self.configuration.settings(schema: self.schema) + self.configuration.leaseSettings + [
                // If the server crashes and loses a deletion, the event is published again, which may happen anyway.
                ("synchronous_commit", "off"),
                // The plan must be good for a million rows, even if it is made while the table is empty.
                ("enable_seqscan", "off"), ("enable_bitmapscan", "off"), ("jit", "off"),
            ]
        do {
            return try await Connection.open(
                ConnectionParameters(self.configuration, settings: settings),
                mode: .pipeline,
                timeouts: self.configuration.timeouts,
                on: self.thread,
                onNotification: onNotification
            )
        } catch {
            throw RepositoryError(error)
        }
    }

    /// Waits until the schema is ready, no longer than a caller would wait for a connection.
    func waitUntilReady() async throws(RepositoryError) {
        guard self.readiness.value == 0 else { return }
        let isReady = await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await self.readiness.wait(above: 0)) != nil }
            group.addTask {
                try? await Task.sleep(for: self.configuration.waitTimeout)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        guard !isReady else { return }
        throw RepositoryError(
            .unavailable,
            "the store is not running or its schema is not ready",
            cause: Task.isCancelled ? CancellationError() : nil
        )
    }
}

extension PostgresConfiguration {
    /// The settings of a session that serves callers.
    func settings(schema: SchemaName) -> [(name: String, value: String)] {
        [
            ("search_path", "\(schema.name),pg_temp"),
            ("statement_timeout", self.statementTimeout.milliseconds),
            ("lock_timeout", self.lockTimeout.milliseconds),
            ("idle_in_transaction_session_timeout", self.idleInTransactionTimeout.milliseconds),
            ("tcp_keepalives_idle", "15"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3"),
        ]
    }

    /// The settings of a session that holds a lock for its process, which come last.
    ///
    /// The server ends the session, and releases the lock, when the process has been silent for the duration of the lease. The first two
    /// settings are for a process that sends nothing, the third one for a process that does not take what the server sends. The rest is
    /// for a machine that is gone in the middle of a statement's bytes.
    var leaseSettings: [(name: String, value: String)] {
        let lease = self.lease.milliseconds
        // One probe after a third of the lease, and two more in the second third.
        let seconds = String(max(1, self.lease.components.seconds / 3))
        return [
            ("idle_session_timeout", lease), ("idle_in_transaction_session_timeout", lease),
            ("tcp_user_timeout", lease),
            ("tcp_keepalives_idle", seconds), ("tcp_keepalives_interval", seconds), ("tcp_keepalives_count", "2"),
        ]
    }

    /// The settings of the session that applies migrations, which have no time limit.
    func migrationSettings(_ schema: SchemaName) -> [(name: String, value: String)] {
        [("search_path", "\(schema.name),pg_temp"), ("statement_timeout", "0")] + self.leaseSettings
    }

    /// The server ends statements that take too long.
    ///
    /// A session is closed only if that does not work.
    var timeouts: ConnectionCore.Timeouts {
        ConnectionCore.Timeouts(connect: self.connectTimeout, response: self.statementTimeout + self.answerGrace)
    }
}

extension Duration {
    fileprivate var milliseconds: String {
        String(self.components.seconds * 1000 + self.components.attoseconds / 1_000_000_000_000_000)
    }
}
