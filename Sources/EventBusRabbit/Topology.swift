// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// The exchange and queues of the wire contract.
///
/// Their arguments are frozen, since RabbitMQ refuses to declare an existing queue with other arguments.
enum Topology {
    static let exchange = "events"

    static func quarantine(_ subscription: SubscriptionName) -> String { "\(subscription).quarantine" }
    static func dead(_ subscription: SubscriptionName) -> String { "\(subscription).dead" }

    /// The retry queue whose delay is nearest to the one that is wanted.
    static func retry(_ subscription: SubscriptionName, _ delay: Duration) -> String {
        "\(subscription).retry.\(RetryLadder.nearest(to: delay).components.seconds)"
    }

    /// All queues of a subscription with their arguments.
    static func queues(of subscription: Subscription) -> [(name: String, arguments: [(String, HeaderValue)])] {
        let name = subscription.name
        let quorum: [(String, HeaderValue)] = [("x-queue-type", .string("quorum"))]
        let isOrdered = subscription.ordering == .perKey
        var queues: [(name: String, arguments: [(String, HeaderValue)])] = []
        // For RabbitMQ, `false` and no value are different arguments.
        queues.append((name.description, isOrdered ? quorum + [("x-single-active-consumer", .bool(true))] : quorum))
        for delay in RetryLadder.delays {
            let arguments: [(String, HeaderValue)] = [
                ("x-message-ttl", .int(delay.components.seconds * 1000)),
                ("x-dead-letter-exchange", .string("")),
                ("x-dead-letter-routing-key", .string(name.description)),
                ("x-dead-letter-strategy", .string("at-least-once")),
                ("x-overflow", .string("reject-publish")),
            ]
            queues.append((self.retry(name, delay), quorum + arguments))
        }
        if !isOrdered { queues.append((self.quarantine(name), quorum)) }
        queues.append((self.dead(name), quorum))
        return queues
    }

    /// The names of the queues that messages of a subscription go to from its own queue; an ordered one has no quarantine.
    static func furtherQueues(of subscription: SubscriptionName) -> [String] {
        RetryLadder.delays.map { self.retry(subscription, $0) } + [
            self.quarantine(subscription), self.dead(subscription),
        ]
    }

    /// Declares the events exchange.
    static func declareExchange(
        on connection: RabbitConnection,
        _ channel: NIOLoopBound<AMQPChannel>
    ) async throws(BusError) {
        try await self.declare("exchange \(self.exchange)") {
            try await connection.call(.exchangeDeclare(name: self.exchange, type: "topic"), on: channel)
        }
    }

    /// Declares everything that a subscription needs, long before it is needed: RabbitMQ 3.10 can lose a queue that was declared just
    /// before the broker was killed.
    ///
    /// Bindings of earlier starts remain, since AMQP cannot list them.
    static func declare(_ subscription: Subscription, on connection: RabbitConnection) async throws {
        let channel = try await connection.openChannel()
        try await self.declareExchange(on: connection, channel)
        for queue in self.queues(of: subscription) {
            try await self.declare("queue \(queue.name)") {
                try await connection.call(
                    .queueDeclare(name: queue.name, passive: false, arguments: queue.arguments),
                    on: channel
                )
            }
        }
        for pattern in subscription.patterns {
            try await self.declare("binding of \(subscription.name)") {
                let binding = ClientMethod.queueBind(
                    queue: subscription.name.description,
                    exchange: self.exchange,
                    routingKey: pattern.text
                )
                return try await connection.call(binding, on: channel)
            }
        }
        try await connection.call(.channelClose, on: channel)
    }

    private static func declare(_ what: String, _ body: () async throws -> Reply) async throws(BusError) {
        do {
            _ = try await body()
        } catch let failure as ConnectionFailure {
            // 406: it exists with other arguments; the broker's text names both values.
            let isMismatch = failure.code == .channelClosed(406)
            throw BusError(
                isMismatch ? .topologyMismatch : .unavailable,
                "RabbitMQ: \(what): \(failure.text)",
                cause: failure
            )
        } catch {
            throw BusError(.unavailable, "RabbitMQ: \(what) could not be declared", cause: error)
        }
    }
}
