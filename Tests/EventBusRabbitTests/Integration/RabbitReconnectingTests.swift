// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import Logging
import NIOCore
import NIOPosix
import TestProxy
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    /// Which host a connection finds, and what connecting again and again costs.
    @Suite(
        "Connecting to RabbitMQ, again and again",
        .enabled(if: Broker.url != nil),
        .serialized,
        .timeLimit(.minutes(15))
    )
    struct RabbitReconnectingTests {
        /// The broker's URL with other hosts.
        private func configuration(_ hosts: String, _ query: String = "") throws -> RabbitConfiguration {
            let url = try #require(Broker.url).replacing(/@[^\/]*/, with: "@\(hosts)")
            return try RabbitConfiguration(url: "\(url)?\(query)")
        }

        private func open(_ configuration: RabbitConfiguration) async throws -> RabbitConnection {
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            return try await RabbitConnection.open(configuration, name: "test", on: eventLoop)
        }

        private var port: Int { get throws { try #require(Broker.configuration().hosts.first).port } }

        @Test(
            "A node that accepts connections and says nothing, and one that is not there, cost only their share of the time"
        )
        func otherNodes() async throws {
            let port = try self.port
            try await TCPProxy.with(to: port, .amqp) { silent in
                silent.welcome = .silence
                let hosts = "127.0.0.1:\(silent.port),127.0.0.1:1,broker.invalid,127.0.0.1:\(port)"
                let configuration = try self.configuration(hosts, "connection_timeout=2000")
                // Whatever the order is.
                for _ in 0..<8 { try await self.open(configuration).close() }
            }
        }

        @Test("Of a name with several addresses all are tried")
        func otherAddresses() async throws {
            let configuration = try self.configuration("localhost:\(try self.port)")
            for _ in 0..<8 { try await self.open(configuration).close() }
        }

        @Test("The error has the cause of every host, and no secret")
        func causes() async throws {
            let port = try self.port
            try await TCPProxy.with(to: port, .amqp) { silent in
                silent.welcome = .silence
                let url = "amqp://user:geheim@127.0.0.1:\(silent.port),127.0.0.1:1,broker.invalid,127.0.0.1:\(port)"
                let configuration = try RabbitConfiguration(url: "\(url)?connection_timeout=1000")
                let error = await #expect(throws: ConnectionFailure.self) { _ = try await self.open(configuration) }
                let text = error?.text ?? ""
                #expect(error?.code == .unreachable)
                #expect(text.contains("127.0.0.1:\(silent.port): connecting took too long"))
                #expect(text.contains("127.0.0.1:1: ") && text.contains("refused"))
                #expect(text.contains("broker.invalid:5672: the name cannot be resolved"))
                #expect(text.contains("127.0.0.1:\(port): 403 ACCESS_REFUSED"))
                #expect(!text.contains("geheim"))
            }
        }

        @Test("Connections that are lost over and over leave nothing behind", .enabled(if: ProcessUsage.isKnown))
        func storm() async throws {
            try await TCPProxy.with(to: try self.port, .amqp) { proxy in
                let configuration = try self.configuration("127.0.0.1:\(proxy.port)")
                let rounds = Cluster.isSoak ? 1000 : 50
                var before = try ProcessUsage.now()
                for round in 0..<rounds {
                    // What is made once, and what the first rounds teach the allocator, does not count.
                    if round == 10 { before = try ProcessUsage.now() }
                    if round.isMultiple(of: 3) {
                        proxy.order(.reset, .atByte(.toClient, 100))
                        await #expect(throws: ConnectionFailure.self) { try await self.open(configuration) }
                        continue
                    }
                    let connection = try await self.open(configuration)
                    let channel = try await connection.openChannel()
                    // A request that is never answered.
                    proxy.order(round.isMultiple(of: 2) ? .reset : .cut, .before(.toServer) { _ in true })
                    let declare = ClientMethod.queueDeclare(name: "none", passive: true, arguments: [])
                    await #expect(throws: ConnectionFailure.self) { try await connection.call(declare, on: channel) }
                    try await connection.untilClosed()
                }
                try await eventually(within: .seconds(20), "all descriptors and threads to be given back") {
                    let after = try ProcessUsage.now()
                    return after.descriptors <= before.descriptors + 2 && after.threads <= before.threads + 2
                }
                let after = try ProcessUsage.now()
                print(
                    "\(rounds) lost connections: \(after.memory - before.memory) kB more, \(after.descriptors) descriptors"
                )
                #expect(after.memory - before.memory < 20_000)
            }
        }

        @Test("Nothing is lost when the broker is restarted in order", .enabled(if: Broker.control != nil))
        func restarted() async throws {
            var pause = Duration.zero
            let outcome = try await SteadyLoad.judged(on: try Broker.configuration()) { load in
                try await Cluster.infra("restart rabbit")
                let back = load.now
                try await load.untilHandled(after: back)
                pause = load.now - back
            }
            // A pause of up to 2 s to the next connection, and up to 1 s until the relay tries it.
            outcome.judge("2", after: pause, limit: 5)
        }

        @Test(
            "A broker that cannot be reached for long costs next to nothing",
            .enabled(if: Cluster.isSoak && ProcessUsage.isKnown),
            arguments: ["127.0.0.1:1", "broker.invalid", "127.0.0.1:1,broker.invalid,127.0.0.1:2"]
        )
        func unreachable(_ hosts: String) async throws {
            try await Broker.withBus(try self.configuration(hosts)) { bus in
                let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<10 {
                        let consumer = EventConsumer(try SubscriptionName("test.n\(number)"), on: bus, logger: silent) {
                            On<Void>(topic: "some.topic") { _, _ in }
                        }
                        group.addTask {
                            do { try await consumer.run() } catch is CancellationError {}
                        }
                    }
                    try await Task.sleep(for: .seconds(20))
                    let before = try ProcessUsage.now()
                    try await Task.sleep(for: .seconds(180))
                    let after = try ProcessUsage.now()
                    let busy = after.processor - before.processor
                    print(
                        "\(hosts) unreachable for 180 s: \(busy) of processor time, \(after.memory - before.memory) kB more"
                    )
                    #expect(busy < .seconds(2))
                    #expect(after.memory - before.memory < 5_000)
                    #expect(after.descriptors <= before.descriptors + 2)
                    #expect(bus.health.problems.count == 1)
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
        }
    }
}
