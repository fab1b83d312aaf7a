// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusPostgres
import EventBusRabbit
public import EventBusUsers
public import HTTPAPI
import Hummingbird
import Logging
import ServiceLifecycle

/// The module Users as a process of its own: registration over HTTP, users in Postgres, events to RabbitMQ.
///
/// Any number of instances may run; one of them relays events at a time.
public struct UserService: Sendable {
    private let services: [any Service]
    private let logger: Logger

    /// Reads the settings and wires the parts; nothing is connected before ``run()``.
    ///
    /// - Parameters:
    ///   - settings: where servers are, and how costly passwords are hashed.
    ///   - hasher: how passwords are hashed instead; for measurements of everything else.
    /// - Throws: ``ConfigurationError``.
    public init(_ settings: Settings, hasher: (any PasswordHasher)? = nil) throws {
        let server = try ServerConfiguration(settings, defaultPort: 8000)
        let logger = server.logger("user-service")
        let rabbit = try settings.secret("RABBITMQ_URL", like: "amqp://user:password@host:5672/%2F") { url in
            try RabbitConfiguration(url: url)
        }
        let postgres = try settings.secret("DATABASE_URL", like: "postgres://user:password@host:5432/database") { url in
            try PostgresConfiguration(url: url)
        }
        let hasher = try hasher ?? ScryptHasher(settings, logger: logger)

        let store = try PostgresStore(postgres, schema: "users", migrations: Users.migrations, logger: logger)
        let bus = RabbitEventBus(rabbit, logger: logger)
        let relay = OutboxRelay(from: store, to: bus, logger: logger)
        // Without a broker people can still register: their events wait in the outbox.
        let readiness = Readiness(requires: [{ store.health }], notes: [{ bus.health }, { await relay.health }])
        let router = Router(
            named: "user-service",
            serving: RegistrationAPI(Users(store: store, hasher: hasher)).endpoints + HealthAPI(readiness).endpoints
        )
        // All but hashing, which has threads of its own, waits for the store. On its thread an answer wakes no other one, which
        // saves a quarter of the processor time; the relay stays elsewhere, so that requests don't hold it up.
        let http = HTTPServer(router, server, executor: store.executor, logger: logger)
        self.services = [store, bus, relay, http]
        self.logger = logger
    }

    /// Serves until SIGTERM or SIGINT.
    public func run() async throws {
        try await Program.run(self.services, logger: self.logger)
    }
}
