// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Testing

@testable import PersistencePostgres

/// A server whose certificate is for `localhost` only: `DATABASE_TLS_URL` has `sslmode=verify-full` and the right CA, and
/// `DATABASE_TLS_WRONG_CA` is another CA's file.
@Suite(.enabled(if: TLSServer.url != nil, "DATABASE_TLS_URL is not set"), .timeLimit(.minutes(1)))
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

    @Test func theRightNameAndAuthorityAreAccepted() async throws {
        #expect(try await self.connect(try #require(TLSServer.url)) == 6_000_000)
    }

    @Test func anotherNameIsRefused() async throws {
        let url = try #require(TLSServer.url).replacingOccurrences(of: "@localhost", with: "@127.0.0.1")
        await #expect(throws: PostgresError.self) { try await self.connect(url) }
    }

    @Test(.enabled(if: TLSServer.wrongCA != nil, "DATABASE_TLS_WRONG_CA is not set"))
    func anotherAuthorityIsRefused() async throws {
        let parts = try #require(TLSServer.url).components(separatedBy: "sslrootcert=")
        let rest = parts[1].components(separatedBy: "&").dropFirst().map { "&" + $0 }.joined()
        let url = parts[0] + "sslrootcert=" + (try #require(TLSServer.wrongCA)) + rest
        await #expect(throws: PostgresError.self) { try await self.connect(url) }
    }
}

/// Where that server is.
enum TLSServer {
    static let url = ProcessInfo.processInfo.environment["DATABASE_TLS_URL"]
    static let wrongCA = ProcessInfo.processInfo.environment["DATABASE_TLS_WRONG_CA"]
}
