// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation
import NIOPosix
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    /// Needs a broker with TLS whose certificate names only `localhost`: `RABBITMQ_TLS_URL`, the authority that signed the
    /// certificate, and another authority.
    @Suite("RabbitMQ over TLS", .enabled(if: Broker.tlsURL != nil), .timeLimit(.minutes(1)))
    struct RabbitTLSTests {
        private func connect(_ host: String, _ query: String) async throws {
            let url = try #require(Broker.tlsURL).replacingOccurrences(of: "@localhost", with: "@\(host)")
            let configuration = try RabbitConfiguration(url: "\(url)?\(query)")
            let connection = try await RabbitConnection.open(
                configuration,
                name: "test",
                on: MultiThreadedEventLoopGroup.singleton.next()
            )
            await connection.close()
        }

        @Test("The right authority is trusted")
        func trusted() async throws {
            try await self.connect("localhost", "cacertfile=\(Broker.authority)")
        }

        @Test("Another authority is refused")
        func otherAuthority() async throws {
            await #expect(throws: ConnectionFailure.self) {
                try await self.connect("localhost", "cacertfile=\(Broker.otherAuthority)")
            }
            await #expect(throws: ConnectionFailure.self) { try await self.connect("localhost", "") }
        }

        @Test("A name or an address that the certificate does not name is refused")
        func otherName() async throws {
            await #expect(throws: ConnectionFailure.self) {
                try await self.connect("127.0.0.1", "cacertfile=\(Broker.authority)")
            }
            await #expect(throws: ConnectionFailure.self) {
                try await self.connect(
                    "localhost",
                    "cacertfile=\(Broker.authority)&server_name_indication=broker.example"
                )
            }
        }

        @Test("The certificate may be checked against a name although the host is an address")
        func namedAddress() async throws {
            try await self.connect("127.0.0.1", "cacertfile=\(Broker.authority)&server_name_indication=localhost")
        }
    }
}
