// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusPostgres
import Measuring
import ServiceLifecycle

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A store in a schema of its own, in the database that the environment's `DATABASE_URL` names.
struct RunningStore {
    private let store: PostgresStore

    init(connections: Int, _ migrations: [Migration]) throws {
        guard let url = ProcessInfo.processInfo.environment["DATABASE_URL"] else {
            throw BenchmarkFailure("DATABASE_URL is not set")
        }
        var configuration = try PostgresConfiguration(url: url)
        configuration.maximumConnections = connections
        configuration.statementTimeout = .seconds(300)
        configuration.idleInTransactionTimeout = .seconds(3600)
        let schema = "bench_\(ProcessInfo.processInfo.processIdentifier)"
        self.store = try PostgresStore(configuration, schema: schema, migrations: migrations)
    }

    /// Measures while the store runs, and prints the result.
    func run(_ measure: @escaping @Sendable (PostgresStore) async throws -> Measurement) async throws {
        try await withService({ try await self.store.run() }) {
            while !self.store.health.isReady { try await Task.sleep(for: .milliseconds(5)) }
            return try await measure(self.store)
        }.report()
    }
}
