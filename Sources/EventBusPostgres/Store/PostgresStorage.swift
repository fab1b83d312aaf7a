// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Logging

/// What a Postgres store, its repositories, its transactions and the readers of its outbox share: sessions and statements.
final class PostgresStorage: Sendable {
    let configuration: PostgresConfiguration
    let schema: SchemaName
    let outboxRows: OutboxRows
    let inbox: InboxRows
    let thread: IOThread
    let pool: ConnectionPool

    /// Rises with each commit that adds to the outbox.
    let commits = Notifier()

    /// Rises when the schema is there.
    let readiness = Notifier()

    init(_ configuration: PostgresConfiguration, schema: SchemaName, logger: Logger) throws(RepositoryError) {
        self.configuration = configuration
        self.schema = schema
        self.outboxRows = OutboxRows(schema: schema)
        self.inbox = InboxRows(schema: schema)
        do {
            self.thread = try IOThread()
        } catch {
            throw RepositoryError(error)
        }
        self.pool = ConnectionPool(
            ConnectionParameters(configuration, settings: configuration.settings(schema: schema)),
            limits: PoolState.Limits(
                maximumConnections: max(1, configuration.maximumConnections),
                waitTimeout: configuration.waitTimeout
            ),
            timeouts: configuration.timeouts,
            on: self.thread,
            logger: logger
        )
    }
}
