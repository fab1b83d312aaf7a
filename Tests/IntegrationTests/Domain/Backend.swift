// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusPersistence
import EventBusPostgres
import EventBusRabbit
import EventBusTesting
import EventBusUsers
import Logging

/// What the domain tests run on.
enum Backend: Sendable, CustomStringConvertible {
    case memory
    case servers

    static var available: [Backend] { Servers.isAvailable ? [.memory, .servers] : [.memory] }

    var description: String {
        switch self {
        case .memory: "memory"
        case .servers: "RabbitMQ and Postgres"
        }
    }

    func withSystem(_ body: (System) async throws -> Void) async throws {
        switch self {
        case .memory:
            try await body(System(bus: InMemoryEventBus(), userStore: InMemoryStore(), paymentStore: InMemoryStore()))
        case .servers:
            try await Servers.withFresh { servers in
                let bus = RabbitEventBus(try RabbitConfiguration(url: servers.rabbitURL))
                let database = try PostgresConfiguration(url: servers.databaseURL)
                let userStore = try PostgresStore(database, schema: "users", migrations: Users.migrations)
                let paymentStore = try PostgresStore(database, schema: "payments", migrations: Payments.migrations)
                let system = System(bus: bus, userStore: userStore, paymentStore: paymentStore)
                try await whileRunningServices([userStore, paymentStore, bus]) { try await body(system) }
            }
        }
    }
}
