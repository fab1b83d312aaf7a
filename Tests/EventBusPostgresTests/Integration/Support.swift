// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Foundation
import Logging
import Synchronization
import TestProxy
import Testing

@testable import EventBusPostgres

/// What was logged.
final class RecordedLog: Sendable {
    private struct Handler: LogHandler {
        let log: RecordedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let error = event.error.map { " \($0)" } ?? ""
            let metadata = event.metadata.map { " \($0)" } ?? ""
            self.log.lines.withLock { $0.append((event.level, "\(event.message)\(error)\(metadata)")) }
        }
    }

    private let lines = Mutex<[(Logger.Level, String)]>([])

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    /// The lines of a level.
    func lines(_ level: Logger.Level) -> [String] {
        self.lines.withLock { lines in lines.filter { $0.0 == level }.map(\.1) }
    }
}

/// Faults that last, which `scripts/test --soak faults` tests over minutes and everything else over seconds.
enum Soak {
    static let isRunning = ProcessInfo.processInfo.environment["SOAK"] != nil
}

extension Database {
    /// A server that `scripts/infra` has started, by its variable.
    static func url(_ name: String) throws -> String { try #require(ProcessInfo.processInfo.environment[name]) }

    /// The same database at other ports of this machine, without TLS.
    static func configuration(
        ports: Int...,
        database: String? = nil,
        query: String = ""
    ) throws -> PostgresConfiguration {
        let direct = try Self.configuration()
        let hosts = ports.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        let url = "postgres://\(direct.user):\(direct.password ?? "")@\(hosts)/\(database ?? direct.database)"
        return try PostgresConfiguration(url: "\(url)?sslmode=disable\(query)")
    }

    /// The server's port.
    static func port() throws -> Int { try Self.configuration().hosts[0].port }

    /// The server's version, such as 15.
    static func version() async throws -> Int {
        let text = try await Self.execute("SELECT current_setting('server_version_num')")
        return try #require(text.first?.first?.flatMap { $0 }.flatMap { Int($0) }) / 10_000
    }
}

extension TestSchema {
    /// A store that is reached in another way than through DATABASE_URL.
    func store(
        at configuration: PostgresConfiguration,
        migrations: [Migration] = Person.migrations,
        log: RecordedLog = RecordedLog(),
        _ configure: (inout PostgresConfiguration) -> Void = { _ in }
    ) throws -> PostgresStore {
        var configuration = configuration
        configure(&configuration)
        return try PostgresStore(configuration, schema: self.name, migrations: migrations, logger: log.logger)
    }

    /// A running store behind a proxy, with one connection that is open.
    func withStore(
        behind language: WireFraming.Language,
        connections: Int = 1,
        _ configure: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (PostgresStore, TCPProxy) async throws -> Void
    ) async throws {
        try await TCPProxy.with(to: try Database.port(), language) { proxy in
            let store = try self.store(at: try Database.configuration(ports: proxy.port)) {
                $0.maximumConnections = connections
                $0.statementTimeout = .seconds(1)
                $0.answerGrace = .milliseconds(500)
                $0.connectTimeout = .seconds(2)
                configure(&$0)
            }
            try await running(store) {
                _ = try await store.repository(for: Person.self).find(Stamp.next().id)
                try await body(store, proxy)
            }
        }
    }

    /// How many rows a table of the schema has.
    func count(_ table: String, where condition: String = "true") async throws -> Int {
        let rows = try await Database.execute("SELECT count(*) FROM \(self.name).\(table) WHERE \(condition)")
        return try #require(rows.first?.first?.flatMap { $0 }.flatMap { Int($0) })
    }
}

/// The error of the store that `body` throws.
func failure(_ body: () async throws -> Void) async -> RepositoryError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? RepositoryError
    }
}
