// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Foundation
import Testing

@testable import EventBusPostgres

/// The server for the integration tests, which are skipped without DATABASE_URL.
enum Database {
    static let url = ProcessInfo.processInfo.environment["DATABASE_URL"]

    static func configuration() throws -> PostgresConfiguration {
        try PostgresConfiguration(url: try #require(self.url))
    }

    /// Runs SQL text in its own session and returns the last result as text.
    @discardableResult
    static func execute(
        _ sql: String,
        at place: PostgresConfiguration? = nil,
        holding body: () async throws -> Void = {}
    ) async throws -> [[String?]] {
        let thread = try IOThread()
        try thread.start()
        let configuration = try place ?? self.configuration()
        do {
            let connection = try await Connection.open(
                ConnectionParameters(configuration, settings: []),
                mode: .script,
                timeouts: configuration.timeouts,
                on: thread
            )
            let outcome = await connection.run(script: sql)
            guard case .completed(let results) = outcome else { throw SQLFailed(outcome: outcome) }
            try await body()
            connection.close()
            await thread.stop()
            let rows = results.last?.rows ?? Rows(columnCount: 0)
            return try rows.map { row in
                try (0..<rows.columnCount).map { row.isNull($0) ? nil : try row.text($0) }
            }
        } catch {
            await thread.stop()
            throw error
        }
    }

    struct SQLFailed: Error {
        let outcome: SegmentOutcome
    }
}

/// A schema that is dropped after a test, and stores in it.
struct TestSchema: Sendable {
    let name: String

    static func with(_ body: (TestSchema) async throws -> Void) async throws {
        let schema = TestSchema(name: "test_\(UInt64.random(in: 0...UInt64.max))")
        do {
            try await body(schema)
        } catch {
            _ = try? await Database.execute("DROP SCHEMA IF EXISTS \(schema.name) CASCADE")
            throw error
        }
        try await Database.execute("DROP SCHEMA IF EXISTS \(schema.name) CASCADE")
    }

    func store(
        migrations: [Migration] = Person.migrations,
        _ configure: (inout PostgresConfiguration) -> Void = { _ in }
    ) throws -> PostgresStore {
        var configuration = try Database.configuration()
        configure(&configuration)
        return try PostgresStore(configuration, schema: self.name, migrations: migrations)
    }

    /// A running store.
    func withStore(
        connections: Int = 8,
        migrations: [Migration] = Person.migrations,
        _ body: @escaping @Sendable (PostgresStore) async throws -> Void
    ) async throws {
        let store = try self.store(migrations: migrations) { $0.maximumConnections = connections }
        try await running(store) { try await body(store) }
    }
}

/// Runs stores while `body` runs.
func running(_ stores: PostgresStore..., body: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        for store in stores {
            group.addTask {
                do {
                    try await store.run()
                } catch is CancellationError {}
                return false
            }
        }
        group.addTask {
            for store in stores {
                try await eventually(within: .seconds(30), "the store to be ready") { store.health.isReady }
            }
            try await body()
            return true
        }
        while let isBody = try await group.next() {
            if isBody { group.cancelAll() }
        }
    }
}
