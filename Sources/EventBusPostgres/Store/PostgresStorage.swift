// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Logging
import Synchronization

/// What a Postgres store shares with its repositories, its transactions and the readers of its outbox.
final class PostgresStorage: Sendable {
    let configuration: PostgresConfiguration
    let schema: SchemaName
    let outboxRows: OutboxRows
    let inbox: InboxRows
    let thread: IOThread
    let pool: ConnectionPool

    /// Counts the commits that added rows to the outbox, and while this process owns it also wake-ups of others.
    let commits = Notifier()

    /// Whether a relay of this process owns the outbox.
    let ownsOutbox = Atomic(false)

    /// The id before which that relay knows no row, so that the rows it has removed are not passed again; 0 without one.
    let outboxEdge = Atomic<OutboxRow.ID>(0)

    /// Greater than 0 when the schema is ready.
    let readiness = Notifier()

    init(_ configuration: PostgresConfiguration, schema: SchemaName, logger: Logger) throws(RepositoryError) {
        try configuration.check()
        self.configuration = configuration
        self.schema = schema
        self.outboxRows = OutboxRows(schema: schema)
        self.inbox = InboxRows(schema: schema)
        self.thread = try RepositoryError.converting { try IOThread() }
        self.pool = ConnectionPool(
            ConnectionParameters(configuration, settings: configuration.settings(schema: schema)),
            limits: PoolState.Limits(
                maximumConnections: configuration.maximumConnections,
                waitTimeout: configuration.waitTimeout
            ),
            timeouts: configuration.timeouts,
            on: self.thread,
            logger: logger
        )
    }
}
