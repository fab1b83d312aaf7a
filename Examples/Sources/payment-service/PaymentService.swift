// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusPersistence
import EventBusPostgres
import EventBusRabbit
import HTTPAPI
import Hummingbird
import Logging
import ServiceLifecycle

/// The module Payments as a process of its own: events from RabbitMQ, accounts in Postgres, questions over HTTP.
///
/// Any number of instances may run; they share the events, and one of them relays at a time.
struct PaymentService: Sendable {
    private let services: [any Service]
    private let logger: Logger

    /// Reads the settings and wires the parts; nothing is connected before ``run()``.
    ///
    /// - Throws: ``ConfigurationError``.
    init(_ settings: Settings) throws {
        let server = try ServerConfiguration(settings, defaultPort: 8080)
        let logger = server.logger("payment-service")
        let rabbit = try settings.secret("RABBITMQ_URL", like: "amqp://user:password@host:5672/%2F") { url in
            try RabbitConfiguration(url: url)
        }
        let postgres = try settings.secret("DATABASE_URL", like: "postgres://user:password@host:5432/database") { url in
            try PostgresConfiguration(url: url)
        }

        let store = try PostgresStore(postgres, schema: "payments", migrations: Payments.migrations, logger: logger)
        let bus = RabbitEventBus(rabbit, logger: logger)
        let payments = Payments(store: store)
        let relay = OutboxRelay(from: store, to: bus, logger: logger)
        // The handler has no effects outside the store, so that many events may share a commit.
        let consumer = payments.consumer(on: bus, batch: 32, logger: logger)
        let readiness = Readiness(
            requires: [{ store.health }, { consumer.health }],
            notes: [{ bus.health }, { await relay.health }]
        )
        let router = Router(
            named: "payment-service",
            serving: AccountAPI(payments).endpoints + HealthAPI(readiness).endpoints
        )
        self.services = [store, bus, relay, consumer, HTTPServer(router, server, logger: logger)]
        self.logger = logger
    }

    /// Serves until SIGTERM or SIGINT.
    func run() async throws {
        try await Program.run(self.services, logger: self.logger)
    }
}
