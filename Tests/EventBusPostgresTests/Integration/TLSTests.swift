// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import Testing

@testable import EventBusPostgres

/// A server with a certificate for `localhost` only, the authority that has signed it, and another authority.
@Suite(
    .serialized,
    .enabled(if: TLSServer.isAvailable, "needs servers: run scripts/test --integration"),
    .timeLimit(.minutes(1))
)
struct TLSTests {
    private func connect(_ url: String) async throws -> Int {
        let configuration = try PostgresConfiguration(url: url)
        let thread = try IOThread()
        try thread.start()
        do {
            let connection = try await Connection.open(
                ConnectionParameters(configuration, settings: []),
                mode: .pipeline,
                timeouts: configuration.timeouts,
                on: thread
            )
            let text = Statement("SELECT repeat('x', 3000000)")
            let outcome = await connection.run([text, text])
            connection.close()
            await thread.stop()
            guard case .completed(let results) = outcome else { return 0 }
            return results.reduce(0) { $0 + ($1.rows[0].bytes(0)?.count ?? 0) }
        } catch {
            await thread.stop()
            throw error
        }
    }

    @Test func aCertificateWithTheRightNameAndAuthorityIsAccepted() async throws {
        #expect(try await self.connect(try TLSServer.url(host: "localhost", TLSServer.authority)) == 6_000_000)
    }

    @Test func aCertificateForAnotherNameIsRejected() async throws {
        let url = try TLSServer.url(host: "127.0.0.1", TLSServer.authority)
        await #expect(throws: PostgresError.self) { try await self.connect(url) }
    }

    @Test func aCertificateOfAnotherAuthorityIsRejected() async throws {
        let url = try TLSServer.url(host: "localhost", TLSServer.otherAuthority)
        await #expect(throws: PostgresError.self) { try await self.connect(url) }
    }

    @Test(.enabled(if: TLSServer.expired != nil, "openssl made no certificate whose time is over"))
    func aCertificateWhoseTimeIsOverIsRejected() async throws {
        func show(_ certificate: String) async throws {
            try await Database.execute("ALTER SYSTEM SET ssl_cert_file = '\(certificate)'")
            try await Database.execute("SELECT pg_reload_conf()")
        }
        let url = try TLSServer.url(host: "localhost", TLSServer.authority)
        try await show(try #require(TLSServer.expired))
        let problem = try? await eventually(within: .seconds(10), "the refusal") {
            do {
                _ = try await self.connect(url)
                return nil as String?
            } catch {
                return (error as? PostgresError)?.detail
            }
        }
        #expect(problem?.contains("certificate verify failed") == true)
        try await show(try #require(TLSServer.valid))
        try await eventually(within: .seconds(10), "the server's own certificate") {
            try await self.connect(url) == 6_000_000
        }
    }
}

/// A server that lets members of a role in by their certificate only: `hostssl all +certified … cert` in `pg_hba.conf`.
extension TLSTests {
    /// Connects as whom the certificate names.
    private func connect(certificate: String?) async throws -> Int {
        try await Database.execute("DROP ROLE IF EXISTS \"bus-client\"")
        try await Database.execute("DROP ROLE IF EXISTS certified")
        try await Database.execute("CREATE ROLE certified")
        try await Database.execute("CREATE ROLE \"bus-client\" LOGIN IN ROLE certified")
        var url = try TLSServer.url(host: "localhost", TLSServer.authority, user: "bus-client")
        if let certificate { url += "&sslcert=\(certificate)&sslkey=\(try #require(TLSServer.clientKey))" }
        return try await self.connect(url)
    }

    @Test func aCertificateTakesThePlaceOfAPassword() async throws {
        let certificate = try #require(TLSServer.client)
        #expect(try await self.connect(certificate: certificate) == 6_000_000)
    }

    @Test func withoutACertificateARoleThatNeedsOneIsRefused() async throws {
        let error = await #expect(throws: PostgresError.self) { try await self.connect(certificate: nil) }
        #expect(error?.detail.contains("certificate") == true)
    }

    @Test func aClientsCertificateOfAnotherAuthorityIsRefused() async throws {
        let certificate = try #require(TLSServer.foreignClient)
        let error = await #expect(throws: PostgresError.self) { try await self.connect(certificate: certificate) }
        #expect(error?.detail.contains("unknown ca") == true)
    }

    @Test func aFileThatIsNotThereIsNamed() async throws {
        let url = try TLSServer.url(host: "localhost", "/nowhere/ca.pem")
        let error = await #expect(throws: PostgresError.self) { try await self.connect(url) }
        #expect(error?.detail.contains("/nowhere/ca.pem") == true)
    }
}

/// The server's location, which `scripts/test --integration` sets.
private enum TLSServer {
    private static let url = ProcessInfo.processInfo.environment["DATABASE_TLS_URL"]
    static let authority = ProcessInfo.processInfo.environment["TLS_AUTHORITY"]
    static let otherAuthority = ProcessInfo.processInfo.environment["TLS_OTHER_AUTHORITY"]
    static let expired = ProcessInfo.processInfo.environment["TLS_EXPIRED"]
    static let valid = ProcessInfo.processInfo.environment["TLS_VALID"]
    static let client = ProcessInfo.processInfo.environment["TLS_CLIENT"]
    static let foreignClient = ProcessInfo.processInfo.environment["TLS_CLIENT_FOREIGN"]
    static let clientKey = ProcessInfo.processInfo.environment["TLS_CLIENT_KEY"]
    static let isAvailable = url != nil && authority != nil && otherAuthority != nil

    static func url(host: String, _ authority: String?, user: String? = nil) throws -> String {
        var url = try #require(self.url).replacingOccurrences(of: "@localhost", with: "@\(host)")
        if let user, let at = url.firstIndex(of: "@") { url = "postgres://\(user)" + url[at...] }
        return "\(url)?sslmode=verify-full&sslrootcert=\(try #require(authority))"
    }
}
