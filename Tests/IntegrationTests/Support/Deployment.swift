// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Testing

/// The users and roles of `Examples/deploy`, on the servers of the tests: each service has its own, and its certificate for a password.
struct Deployment: Sendable {
    static let names = ["user-service", "payment-service"]

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
        // Another release's servers do not see the repository, so the files are given as texts.
        let roles = Self.folder.appending(path: "roles.sql").path
        let psql = "'\(try Servers.require("INFRA"))' psql -X -q -v ON_ERROR_STOP=1 -d \(self.servers.database)"
        try await Command.run(["sh", "-c", "\(psql) <'\(roles)'"])
        let definitions = try String(contentsOf: Self.folder.appending(path: "definitions.json"), encoding: .utf8)
        let text = definitions.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        try await Servers.infra("erlang", "ok = rabbit_definitions:import_raw(<<\"\(text)\">>)")
        // Whom the servers of the tests let in by a certificate.
        _ = try await self.servers.query(#"CREATE ROLE certified ROLE "user-service", "payment-service""#)
    }

    /// The roles cannot be dropped while they own something.
    private func remove() async {
        try? FileManager.default.removeItem(at: self.secrets)
        _ = try? await self.servers.query("DROP SCHEMA IF EXISTS users, payments CASCADE")
        _ = try? await self.servers.query(#"DROP OWNED BY "user-service", "payment-service""#)
    }

    /// Runs a service that reads its URLs from files.
    func withService(_ kind: ServiceProcess.Kind, _ body: (ServiceProcess) async throws -> Void) async throws {
        let name = kind.rawValue
        let authority = try Servers.require("TLS_AUTHORITY"), key = try Servers.require("TLS_CLIENT_KEY")
        let certificate = URL(filePath: key).deletingLastPathComponent().appending(path: "client-\(name).pem").path
        let rabbit = try Self.withoutLogin(try Servers.require("RABBITMQ_MUTUAL_TLS_URL"))
        let database = try #require(URLComponents(string: try Servers.require("DATABASE_TLS_URL"))?.port)
        let files = try [
            "RABBITMQ_URL_FILE":
                "\(rabbit)?cacertfile=\(authority)&certfile=\(certificate)&keyfile=\(key)&auth_mechanism=external",
            "DATABASE_URL_FILE":
                "postgres://\(name)@localhost:\(database)/\(self.servers.database)?sslmode=verify-full"
                + "&sslrootcert=\(authority)&sslcert=\(certificate)&sslkey=\(key)",
        ].map { variable, url in
            let file = self.secrets.appending(path: "\(name)-\(variable)")
            try Data("\(url)\n".utf8).write(to: file)
            return (variable, file.path)
        }
        try await ServiceProcess.with(kind, on: self.servers, files: Dictionary(files) { $1 }, body)
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
