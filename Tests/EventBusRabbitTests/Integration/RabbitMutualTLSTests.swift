// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import NIOPosix
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    /// A broker that demands a certificate of its clients: `ssl_options.verify = verify_peer`,
    /// `ssl_options.fail_if_no_peer_cert = true`, with `rabbitmq_auth_mechanism_ssl`.
    @Suite("RabbitMQ with mutual TLS", .enabled(if: Broker.control != nil), .serialized, .timeLimit(.minutes(2)))
    struct RabbitMutualTLSTests {
        /// Whom the certificate names.
        private static let user = "bus-client"

        init() async throws {
            try #require(try await Broker.shell("\(try #require(Broker.infra)) start mutual-tls") == 0)
        }

        private func configuration(_ query: String) throws -> RabbitConfiguration {
            let url = try #require(Broker.mutualTLSURL)
            return try Broker.configuration(url: "\(url)?cacertfile=\(Broker.authority)&\(query)")
        }

        private func message(_ topic: Topic) -> Message {
            Message(id: Stamp.next().id.description, topic: topic, source: "/t", time: .init(seconds: 0), body: [])
        }

        /// The text of the failure to connect.
        private func refusal(_ configuration: RabbitConfiguration) async throws -> String {
            let error = await #expect(throws: ConnectionFailure.self) {
                let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
                let connection = try await RabbitConnection.open(configuration, name: "test", on: eventLoop)
                await connection.close()
            }
            return error?.text ?? ""
        }

        @Test("With its certificate a client publishes and consumes")
        func accepted() async throws {
            let configuration = try self.configuration("certfile=\(TLSClient.valid)&keyfile=\(TLSClient.key)")
            try configuration.checkFiles()
            let (subscription, topic) = try Broker.subscription()
            try await Broker.withBus(configuration) { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    #expect(await bus.publish([self.message(topic)])[0].isConfirmed)
                    let delivery = try await deliveries.next()?.first
                    #expect(delivery?.message.topic == topic)
                }
            }
            try await Broker.delete(subscription.name)
        }

        @Test("The certificate takes the place of user and password")
        func external() async throws {
            let (subscription, topic) = try Broker.subscription()
            try await Broker.withBus { bus in try await bus.withDeliveries(to: subscription) { _ in } }
            try await Broker.addUser(Self.user, "not used", ["^$", "^events$", "^$"])
            let query = "auth_mechanism=external&certfile=\(TLSClient.valid)&keyfile=\(TLSClient.key)"
            try await Broker.withBus(try self.configuration(query)) { bus in
                #expect(await bus.publish([self.message(topic)])[0].isConfirmed)
            }
            try await Broker.deleteUser(Self.user)
            let text = try await self.refusal(try self.configuration(query))
            #expect(text.contains("403"), "\(text)")
            try await Broker.delete(subscription.name)
        }

        @Test("Without a certificate the broker refuses, and the error says what it demands")
        func missing() async throws {
            let text = try await self.refusal(try self.configuration(""))
            #expect(text.contains("certfile and keyfile"), "\(text)")
        }

        @Test("A certificate of another authority is refused")
        func foreign() async throws {
            let text = try await self.refusal(
                try self.configuration("certfile=\(TLSClient.foreign)&keyfile=\(TLSClient.key)")
            )
            #expect(text.contains("does not trust the authority of certfile"), "\(text)")
        }

        @Test("A certificate whose time is over is refused", .enabled(if: TLSClient.expired != nil))
        func expired() async throws {
            let certificate = try #require(TLSClient.expired)
            let text = try await self.refusal(
                try self.configuration("certfile=\(certificate)&keyfile=\(TLSClient.key)")
            )
            #expect(text.contains("time of certfile is over"), "\(text)")
        }

        @Test("A key of another certificate is found before anything is sent")
        func otherKey() async throws {
            let configuration = try self.configuration("certfile=\(TLSClient.valid)&keyfile=\(TLSServer.key)")
            let error = #expect(throws: BusError.self) { try configuration.checkFiles() }
            let problem = "keyfile \(TLSServer.key) is not the key of certfile \(TLSClient.valid)"
            #expect(error?.message.hasPrefix("RabbitMQ URL: \(problem)") == true)
            #expect(try await self.refusal(configuration).contains(problem))
        }

        @Test("Neither scheme falls back to the other")
        func otherScheme() async throws {
            let secure = try #require(Broker.tlsURL)
            let plain = try await self.refusal(
                try Broker.configuration(url: secure.replacingOccurrences(of: "amqps:", with: "amqp:"))
            )
            #expect(plain.contains("the URL must begin with amqps://"), "\(plain)")
            let port = try #require(try Broker.configuration().hosts.first).port
            let tls = try await self.refusal(try Broker.configuration(url: "amqps://user:geheim@localhost:\(port)"))
            // The broker answers, and closes while there is more to read, which can take its answer away.
            #expect(tls.contains("speak TLS at this port") || tls.contains("reset by peer"), "\(tls)")
        }
    }
}
