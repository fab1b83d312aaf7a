// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import TestProxy
import Testing

@testable import EventBusRabbit

extension RabbitIntegration.RabbitRetryQueueTests {
    /// What RabbitMQ sends when it cannot carry out a request: class 10, method 50, the code 541, a text, no request.
    private static let internalError: [UInt8] = {
        let payload: [UInt8] = [0, 10, 0, 50, 2, 29, 2] + Array("no".utf8) + [0, 0, 0, 0]
        return [1, 0, 0, 0, 0, 0, UInt8(payload.count)] + payload + [0xCE]
    }()

    private static func isProbed() async throws -> Bool {
        try await Broker.withChannel { connection, _ in
            try await connection.onLoop { ClusterProbe.isNeeded($0.version, hosts: 2) }
        }
    }

    @Test(
        "A declaration that ends its connection or is not answered costs the consumer nothing and is repeated",
        arguments: [ProxyFault.answer(Self.internalError), .reset, .blackHole]
    )
    func brokenDeclaration(_ fault: ProxyFault) async throws {
        let (subscription, topic) = try Broker.subscription(retryDelays: [.seconds(1)])
        let queue = Topology.retry(subscription.name, .seconds(1))
        try await TCPProxy.with(to: Broker.configuration().hosts[0].port, .amqp) { proxy in
            // With several hosts what is not answered is given up sooner.
            let hosts = "127.0.0.1:\(proxy.port),localhost:\(proxy.port)"
            let url = try #require(Broker.url).replacing(/@[^\/]*/, with: "@\(hosts)")
            try await Broker.withBus(Broker.configuration(url: url)) { bus in
                try await bus.withDeliveries(to: subscription) { deliveries in
                    let sent = [self.message(topic, "a"), self.message(topic, "b")]
                    #expect(await bus.publish(sent).allSatisfy(\.isConfirmed))
                    var held: [Delivery] = []
                    while held.count < 2 { held += try #require(try await deliveries.next()) }
                    let accepted = proxy.accepted
                    // Only the declaration has arguments, the question before it has none.
                    proxy.order(fault, .before(.toServer) { $0.contains(queue) && $0.contains("x-message-ttl") })
                    deliveries.settle(held[0].id, Self.retry)
                    let again = try await self.takeOne(deliveries, .done)
                    #expect(again.message.id == "a" && again.failures.count == 1 && again.returns == 0)
                    // Neither connection of the consumer was made anew: two attempts to declare the queue are all there was, and
                    // the connection that asks whether the node belongs to a majority may have been opened meanwhile.
                    let others = try await Self.isProbed() ? 1 : 0
                    #expect(proxy.fired == 1 && (accepted + 2...accepted + 2 + others).contains(proxy.accepted))
                    deliveries.settle(held[1].id, .done)
                    try await deliveries.flush()
                    #expect(bus.health.problems.isEmpty && bus.health.notes.isEmpty, "\(bus.health)")
                }
            }
        }
        #expect(try await Broker.count(subscription.name.description) == 0)
        try await Broker.delete(subscription.name)
    }
}
