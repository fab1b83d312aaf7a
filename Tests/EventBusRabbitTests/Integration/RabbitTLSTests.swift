// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOPosix
import Testing

@testable import EventBusRabbit

/// Needs a broker with TLS whose certificate is for `localhost` and 127.0.0.1: its port, the authority that has signed the
/// certificate, and another authority.
@Suite("RabbitMQ over TLS", .enabled(if: Broker.tlsPort != nil), .timeLimit(.minutes(1)))
struct RabbitTLSTests {
    private func connect(_ host: String, _ query: String) async throws {
        let configuration = try RabbitConfiguration(url: "amqps://\(host):\(Broker.tlsPort ?? "")/?\(query)")
        let connection = try await RabbitConnection.open(
            configuration,
            name: "test",
            on: MultiThreadedEventLoopGroup.singleton.next()
        )
        await connection.close()
    }

    @Test("The right authority is trusted, for a name and for an address", arguments: ["localhost", "127.0.0.1"])
    func trusted(_ host: String) async throws {
        try await self.connect(host, "cacertfile=\(Broker.authority)")
    }

    @Test("Another authority is refused", arguments: ["localhost", "127.0.0.1"])
    func otherAuthority(_ host: String) async throws {
        await #expect(throws: ConnectionFailure.self) {
            try await self.connect(host, "cacertfile=\(Broker.otherAuthority)")
        }
        await #expect(throws: ConnectionFailure.self) { try await self.connect(host, "") }
    }

    @Test("Another name is refused", arguments: ["localhost", "127.0.0.1"])
    func otherName(_ host: String) async throws {
        await #expect(throws: ConnectionFailure.self) {
            try await self.connect(host, "cacertfile=\(Broker.authority)&server_name_indication=broker.example")
        }
    }
}
