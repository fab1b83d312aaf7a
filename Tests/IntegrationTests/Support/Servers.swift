// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Testing

/// The real servers that the environment names, and a part of them that belongs to one test.
///
/// `scripts/test --integration` starts them and sets the variables; without them the tests that need servers are skipped.
struct Servers: Sendable {
    let rabbitURL: String
    let databaseURL: String
    let virtualHost: String
    let database: String

    static let isAvailable = ["RABBITMQ_URL", "DATABASE_URL", "INFRA"].allSatisfy { value(of: $0) != nil }
    static let areServicesBuilt = isAvailable && value(of: "EXAMPLES_BIN") != nil
    static let reasonForSkipping: Comment = "needs servers: run scripts/test --integration"

    /// Creates a virtual host and a database for one test and removes them afterwards.
    static func withFresh(_ body: (Servers) async throws -> Void) async throws {
        let name = "t" + UUID().uuidString.lowercased().filter { $0 != "-" }.prefix(12)
        let user = try #require(URLComponents(string: try require("RABBITMQ_URL"))?.user)
        async let database = Self.sql("CREATE DATABASE \(name)", in: "postgres")
        try await Self.erlang(
            """
            rabbit_vhost:add(<<"\(name)">>, <<"test">>), All = <<".*">>,
            rabbit_auth_backend_internal:set_permissions(<<"\(user)">>, <<"\(name)">>, All, All, All, <<"test">>)
            """
        )
        _ = try await database
        let servers = Servers(
            rabbitURL: try Self.replacingPath(of: try require("RABBITMQ_URL"), by: name),
            databaseURL: try Self.replacingPath(of: try require("DATABASE_URL"), by: name),
            virtualHost: name,
            database: name
        )
        do {
            try await body(servers)
        } catch {
            try? await servers.remove()
            throw error
        }
        try await servers.remove()
    }

    /// The rows of a query, columns separated by `|`.
    func query(_ sql: String) async throws -> [String] {
        try await Self.sql(sql, in: self.database).split(separator: "\n").map(String.init)
    }

    /// The one number that a query returns.
    func number(_ sql: String) async throws -> Int {
        try #require(Int(try await self.query(sql).first ?? ""))
    }

    /// How many messages are in a queue, or were up to five seconds ago: the broker counts those of quorum queues that often.
    func messages(in queue: String) async throws -> Int {
        let text = try await Self.rabbitmqctl("list_queues", "-q", "-p", self.virtualHost, "name", "messages")
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "\t")
            if fields.count == 2, fields[0] == queue { return try #require(Int(fields[1])) }
        }
        return 0
    }

    /// How many messages wait in queues together, as of now; those that a consumer has are not among them.
    func ready(in queues: [String]) async throws -> Int {
        let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Foreign/count.py").path
        let count = try await Command.run([try Self.require("PIKA_PYTHON"), script, self.rabbitURL] + queues)
        return try #require(Int(count.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// How many messages consumers have taken and not settled, as of now.
    func unacknowledged() async throws -> Int {
        let count = try await Self.erlang(
            """
            lists:sum([Count || [{vhost, <<"\(self.virtualHost)">>}, {messages_unacknowledged, Count}] <-
                rabbit_channel:info_all([vhost, messages_unacknowledged])])
            """
        )
        return try #require(Int(count.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    static func infra(_ arguments: String...) async throws {
        try await Command.run([try require("INFRA")] + arguments)
    }

    @discardableResult
    private static func rabbitmqctl(_ arguments: String...) async throws -> String {
        try await Command.run([try require("INFRA"), "rabbitmqctl"] + arguments)
    }

    /// Evaluates Erlang in the broker.
    @discardableResult
    private static func erlang(_ expression: String) async throws -> String {
        try await Command.run([try require("INFRA"), "erlang", expression])
    }

    @discardableResult
    private static func sql(_ sql: String, in database: String) async throws -> String {
        try await Command.run([try require("INFRA"), "psql", "-X", "-q", "-At", "-d", database, "-c", sql])
    }

    private func remove() async throws {
        async let database = Self.sql("DROP DATABASE IF EXISTS \(self.database) WITH (FORCE)", in: "postgres")
        try await Self.erlang(#"rabbit_vhost:delete(<<"\#(self.virtualHost)">>, <<"test">>)"#)
        _ = try await database
    }

    private static func value(of name: String) -> String? { ProcessInfo.processInfo.environment[name] }

    static func require(_ name: String) throws -> String {
        try #require(Self.value(of: name), "\(name) is set by scripts/test --integration")
    }

    private static func replacingPath(of url: String, by name: String) throws -> String {
        var components = try #require(URLComponents(string: url))
        components.path = "/" + name
        return try #require(components.string)
    }
}
