// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Testing

/// The users and roles of `Examples/deploy`, on the servers of the tests: each service and the operator has its own, and a certificate
/// for a password.
struct Deployment: Sendable {
    static let names = ["user-service", "payment-service", "operator"]
    /// All of them, as SQL lists them.
    private static let roles = names.map { "\"\($0)\"" }.joined(separator: ", ")

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Examples/deploy").standardized

    private let servers: Servers
    private let secrets: URL

    /// Applies the files for the length of `body`, to a new database and the default virtual host.
    static func with(_ body: (Deployment) async throws -> Void) async throws {
        try await Servers.infra("start", "mutual-tls")
        try await Self.removeUsers()
        try await Servers.withFresh { servers in
            let secrets = FileManager.default.temporaryDirectory.appending(path: "secrets-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: secrets, withIntermediateDirectories: true)
            let deployment = Deployment(servers: servers, secrets: secrets)
            do {
                try await deployment.apply()
                try await body(deployment)
            } catch {
                await deployment.remove()
                throw error
            }
            await deployment.remove()
        }
        try await Self.removeUsers()
    }

    private func apply() async throws {
        try await self.runSQL("roles.sql")
        let definitions = try String(contentsOf: Self.folder.appending(path: "definitions.json"), encoding: .utf8)
        let text = definitions.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        try await Servers.infra("erlang", "ok = rabbit_definitions:import_raw(<<\"\(text)\">>)")
        // Whom the servers of the tests let in by a certificate.
        _ = try await self.servers.query("CREATE ROLE certified ROLE \(Self.roles)")
    }

    /// Runs a file of the folder in the database.
    func runSQL(_ file: String) async throws {
        // Another release's servers do not see the repository, so the files are given as texts.
        let path = Self.folder.appending(path: file).path
        let psql = "'\(try Servers.require("INFRA"))' psql -X -q -v ON_ERROR_STOP=1 -d \(self.servers.database)"
        try await Command.run(["sh", "-c", "\(psql) <'\(path)'"])
    }

    /// The roles cannot be dropped while they own something.
    private func remove() async {
        try? FileManager.default.removeItem(at: self.secrets)
        _ = try? await self.servers.query("DROP SCHEMA IF EXISTS users, payments CASCADE")
        _ = try? await self.servers.query("DROP OWNED BY \(Self.roles)")
    }

    /// Runs a service that reads its URLs from files.
    func withService(_ kind: ServiceProcess.Kind, _ body: (ServiceProcess) async throws -> Void) async throws {
        let name = kind.rawValue
        let files = try self.urls(of: name).map { variable, url in
            let file = self.secrets.appending(path: "\(name)-\(variable)")
            try Data("\(url)\n".utf8).write(to: file)
            return ("\(variable)_FILE", file.path)
        }
        try await ServiceProcess.with(kind, on: self.servers, files: Dictionary(files) { $1 }, body)
    }

    /// Runs `eventbus` as the operator.
    ///
    /// - Returns: its exit status, and what it has written to either output.
    func operate(_ arguments: [String]) async throws -> (status: Int32, text: String) {
        let process = try RunningProcess(
            [try Servers.require("EVENTBUS_TOOL")] + arguments,
            environment: try self.urls(of: "operator"),
            output: self.secrets.appending(path: "eventbus-\(UUID().uuidString)")
        )
        let status = await process.exitStatus()
        return (status, process.text)
    }

    /// Publishes an event that no handler can read.
    func publishUnreadable() async throws {
        try await Command.run([try Servers.require("EVENTBUS_TOOL"), "publish", "user.created", "--body", "[]"])
    }

    /// Where the servers are for somebody with a certificate, by the names of the variables.
    private func urls(of name: String) throws -> [String: String] {
        let authority = try Servers.require("TLS_AUTHORITY"), key = try Servers.require("TLS_CLIENT_KEY")
        let certificate = URL(filePath: key).deletingLastPathComponent().appending(path: "client-\(name).pem").path
        let rabbit = try Self.withoutLogin(try Servers.require("RABBITMQ_MUTUAL_TLS_URL"))
        let database = try #require(URLComponents(string: try Servers.require("DATABASE_TLS_URL"))?.port)
        return [
            "RABBITMQ_URL":
                "\(rabbit)?cacertfile=\(authority)&certfile=\(certificate)&keyfile=\(key)&auth_mechanism=external",
            "DATABASE_URL":
                "postgres://\(name)@localhost:\(database)/\(self.servers.database)?sslmode=verify-full"
                + "&sslrootcert=\(authority)&sslcert=\(certificate)&sslkey=\(key)",
        ]
    }

    /// What a role may do, as the database answers a question about it.
    func may(_ role: String, _ question: String) async throws -> Bool {
        try await self.servers.query("SET ROLE \"\(role)\"; SELECT \(question)").last == "t"
    }

    private static func withoutLogin(_ url: String) throws -> String {
        var components = try #require(URLComponents(string: url))
        (components.user, components.password) = (nil, nil)
        return try #require(components.string)
    }

    private static func removeUsers() async throws {
        for name in Self.names {
            try? await Servers.infra("rabbitmqctl", "-q", "delete_user", name)
            try await Servers.infra("psql", "-X", "-q", "-d", "postgres", "-c", "DROP ROLE IF EXISTS \"\(name)\"")
        }
        try await Servers.infra("psql", "-X", "-q", "-d", "postgres", "-c", "DROP ROLE IF EXISTS certified")
    }
}
