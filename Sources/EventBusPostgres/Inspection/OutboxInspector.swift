// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Looks at the outboxes of a database, on a session that cannot write.
///
/// The user needs the right to use the schemas and to select from their outboxes, and to see addresses and times of owners the role
/// `pg_read_all_stats`.
package final class OutboxInspector: Sendable {
    private let connection: Connection

    private init(_ connection: Connection) { self.connection = connection }

    /// Opens a session for the length of `body`.
    ///
    /// - Throws: `RepositoryError` when the database cannot be reached or refuses a query; what `body` throws.
    package static func withSession<Value: Sendable>(
        _ configuration: PostgresConfiguration,
        _ body: (OutboxInspector) async throws -> Value
    ) async throws -> Value {
        let thread = try RepositoryError.converting { try IOThread() }
        try RepositoryError.converting { try thread.start() }
        let result: Result<Value, any Error>
        do {
            let settings = [
                ("default_transaction_read_only", "on"), ("application_name", "eventbus"),
                ("statement_timeout", "\(configuration.statementTimeout.components.seconds * 1000)"),
            ]
            let connection = try await Connection.open(
                ConnectionParameters(configuration, settings: settings),
                mode: .pipeline,
                timeouts: configuration.timeouts,
                on: thread
            )
            defer { connection.close() }
            result = .success(try await body(OutboxInspector(connection)))
        } catch let error as PostgresError {
            result = .failure(RepositoryError(error))
        } catch {
            result = .failure(error)
        }
        await thread.stop()
        return try result.get()
    }

    /// The schemas that have an outbox, in order.
    package func schemas() async throws -> [String] {
        let rows = try await self.rows(
            """
            SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE c.relname = 'eventbus_outbox' AND c.relkind IN ('r', 'p') ORDER BY 1
            """
        )
        return try rows.map { try $0.text(0) }
    }

    /// What an outbox holds.
    ///
    /// - Throws: `RepositoryError` with code `schemaMismatch` or `database` if the schema has no outbox or the user may not read it.
    package func report(of schema: String) async throws -> OutboxReport {
        let name = try SchemaName(schema)
        let table = name.table("outbox")
        let total = try await self.rows(
            "SELECT count(*), min(time) FILTER (WHERE isfinite(time)) FROM \(table)"
        )[0]
        let waits = try await self.rows(
            """
            SELECT waits_for, count(*), min(time) FILTER (WHERE isfinite(time)), \
            to_json((array_agg(DISTINCT ordering_key) FILTER (WHERE ordering_key IS NOT NULL))[1:10])::text \
            FROM \(table) WHERE waits_for IS NOT NULL GROUP BY waits_for ORDER BY 2 DESC, 1
            """
        )
        return OutboxReport(
            schema: schema,
            events: try total.int8(0),
            oldest: total.isNull(1) ? nil : try total.timestamp(1),
            owner: try await self.owner(of: name),
            waits: try waits.map { row in
                OutboxReport.Wait(
                    cause: OutboxReport.Wait.Cause(Lane(text: try row.text(0))),
                    events: try row.int8(1),
                    oldest: row.isNull(2) ? nil : try row.timestamp(2),
                    keys: row.isNull(3)
                        ? [] : (try? JSONDecoder().decode([String].self, from: Data(row.text(3).utf8))) ?? []
                )
            }
        )
    }

    private func owner(of schema: SchemaName) async throws -> OutboxReport.Owner? {
        let sql = SQL(
            """
            SELECT a.pid::bigint, coalesce(a.application_name, ''), host(a.client_addr), a.backend_start, a.state_change \
            FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
            AND (l.classid::bigint << 32) | l.objid::bigint = $1
            """
        )
        let rows = try await self.rows(Statement(sql, [.int8(schema.lock("outbox"))]))
        guard rows.count > 0 else { return nil }
        let row = rows[0]
        return OutboxReport.Owner(
            process: try row.int8(0),
            application: try row.text(1),
            address: row.isNull(2) ? nil : try row.text(2),
            since: row.isNull(3) ? nil : try row.timestamp(3),
            lastActive: row.isNull(4) ? nil : try row.timestamp(4)
        )
    }

    /// The oldest events of an outbox.
    ///
    /// - Parameters:
    ///   - schema: the module's schema.
    ///   - topic: only those of this topic.
    ///   - isWaiting: only those that are held back.
    ///   - limit: how many at most.
    package func events(of schema: String, topic: String?, isWaiting: Bool, limit: Int) async throws -> [OutboxEvent] {
        let table = try SchemaName(schema).table("outbox")
        let sql = SQL(
            """
            SELECT id, message_id, topic, source, CASE WHEN isfinite(time) THEN time END, ordering_key, octet_length(body)::bigint, \
            waits_for FROM \(table) WHERE (topic = $1 OR $1 IS NULL) \(isWaiting ? "AND waits_for IS NOT NULL" : "") \
            ORDER BY id LIMIT $2
            """
        )
        let name: Parameter
        if let topic { name = try RepositoryError.converting { try .text(topic) } } else { name = .null(.text) }
        return try await self.rows(Statement(sql, [name, .int8(Int64(limit))])).map { row in
            OutboxEvent(
                row: try row.int8(0),
                id: try row.text(1),
                topic: try row.text(2),
                source: try row.text(3),
                time: row.isNull(4) ? nil : try row.timestamp(4),
                key: row.isNull(5) ? nil : try row.text(5),
                bytes: try row.int8(6),
                cause: row.isNull(7) ? nil : OutboxReport.Wait.Cause(Lane(text: try row.text(7)))
            )
        }
    }

    func rows(_ text: String) async throws -> Rows { try await self.rows(Statement(text)) }

    private func rows(_ statement: Statement) async throws(RepositoryError) -> Rows {
        switch await self.connection.run([statement]) {
        case .completed(let results): return results.last?.rows ?? Rows(columnCount: 0)
        case .failed(let failure, _): throw RepositoryError(failure, of: nil)
        case .notSent(let loss), .lost(let loss): throw RepositoryError(loss, isCommit: false)
        }
    }
}

extension OutboxReport.Wait.Cause {
    init(_ lane: Lane) {
        self =
            switch lane {
            case .topic(let name): .subscriber(topic: name.text)
            case .row(let id): .row(id)
            case .other(let text): .other(text.text)
            }
    }
}
