// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation
import NIOPosix
import NIOSSL
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

        /// Connects to a server that cannot be talked to: the error says why, and nothing is sent in plain text.
        private func refused(
            _ server: TLSServer,
            _ query: String = "server_name_indication=localhost",
            because texts: String...
        ) async throws {
            let url = "amqps://user:geheim@127.0.0.1:\(server.port)/?cacertfile=\(Broker.authority)&\(query)"
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            let error = await #expect(throws: ConnectionFailure.self) {
                let connection = try await RabbitConnection.open(
                    try RabbitConfiguration(url: url),
                    name: "test",
                    on: eventLoop
                )
                await connection.close()
            }
            let text = error?.text ?? ""
            #expect(text.hasPrefix("127.0.0.1:\(server.port): "))
            #expect(texts.contains { text.contains($0) }, "\(text)")
            let received = server.tap.bytes
            // A TLS record, and nothing of AMQP in what was sent.
            #expect(received.first == 22)
            #expect(received.firstRange(of: Array("AMQP".utf8)) == nil)
            #expect(received.firstRange(of: Array("geheim".utf8)) == nil)
        }

        @Test("A certificate whose time is over is refused", .enabled(if: TLSServer.expired != nil))
        func expired() async throws {
            try await TLSServer.with(certificate: try #require(TLSServer.expired)) { server in
                try await self.refused(server, because: "CERTIFICATE_VERIFY_FAILED")
            }
        }

        @Test("The error tells a wrong name from a wrong authority")
        func reasons() async throws {
            try await TLSServer.with { server in
                let other = "server_name_indication=broker.example"
                try await self.refused(server, other, because: "certificate")
            }
            try await TLSServer.with { server in
                let authority = "server_name_indication=localhost&cacertfile=\(Broker.otherAuthority)"
                try await self.refused(server, authority, because: "CERTIFICATE_VERIFY_FAILED")
            }
        }

        @Test("A server that knows only TLS 1.1 is refused")
        func oldVersion() async throws {
            try await TLSServer.with { settings in
                settings.minimumTLSVersion = .tlsv1
                settings.maximumTLSVersion = .tlsv11
            } _: { server in
                try await self.refused(server, because: "VERSION")
            }
        }

        @Test(
            "A server that wants a certificate of its client, and gets none",
            arguments: [TLSVersion.tlsv12, .tlsv13]
        )
        func clientCertificate(_ version: TLSVersion) async throws {
            try await TLSServer.with { settings in
                settings.minimumTLSVersion = version
                settings.maximumTLSVersion = version
                settings.certificateVerification = .noHostnameVerification
                settings.trustRoots = .file(Broker.authority)
            } _: { server in
                try await self.refused(server, because: "CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "CERTIFICATE")
            }
        }

        @Test("A server without TLS is refused, and gets no login")
        func plain() async throws {
            let port = try #require(try Broker.configuration().hosts.first).port
            let url = "amqps://user:geheim@127.0.0.1:\(port)/?cacertfile=\(Broker.authority)"
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            let error = await #expect(throws: ConnectionFailure.self) {
                _ = try await RabbitConnection.open(try RabbitConfiguration(url: url), name: "test", on: eventLoop)
            }
            #expect(error?.text.contains("127.0.0.1:\(port): ") == true)
            #expect(error?.text.contains("geheim") == false)
        }
    }
}
