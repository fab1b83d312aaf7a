// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The names and arguments of the wire contract.
///
/// They are the same on all versions of RabbitMQ and frozen, since RabbitMQ refuses to declare an existing queue with other
/// arguments. From one version of this package to the next, queues and bindings can only be added.
enum Topology {
    typealias Arguments = [(String, HeaderValue)]

    static let exchange = "events"
    /// More returns than there will ever be.
    ///
    /// Without it RabbitMQ 4 drops what has come back 20 times. "Unlimited" (-1) makes RabbitMQ 3 drop everything at the first return.
    static let deliveryLimit: Int64 = 1_000_000
    /// The delays of earlier versions, in seconds, whose queues may still be there.
    private static let formerDelays = [5, 30]

    static func quarantine(_ subscription: SubscriptionName) -> String { "\(subscription).quarantine" }
    static func dead(_ subscription: SubscriptionName) -> String { "\(subscription).dead" }

    /// The retry queue of a delay of the ladder.
    static func retry(_ subscription: SubscriptionName, _ delay: Duration) -> String {
        "\(subscription).retry.\(delay.components.seconds)"
    }

    /// All queues of a subscription with their arguments.
    static func queues(of subscription: Subscription) -> [(name: String, arguments: Arguments)] {
        let name = subscription.name
        let isOrdered = subscription.ordering == .perKey
        let plain: Arguments = [("x-queue-type", .string("quorum")), ("x-delivery-limit", .int(Self.deliveryLimit))]
        // What the broker itself drops, because of an operator's policy for example, is a dead letter too.
        let deadLettered = plain + Self.deadLettering(to: Self.dead(name))
        // For RabbitMQ, `false` and no value are different arguments.
        let single: Arguments = isOrdered ? [("x-single-active-consumer", .bool(true))] : []
        var queues = [(name: name.description, arguments: deadLettered + single)]
        for delay in subscription.retryDelays {
            let ttl: Arguments = [("x-message-ttl", .int(delay.components.seconds * 1000))]
            queues.append((Self.retry(name, delay), plain + Self.deadLettering(to: name.description) + ttl))
        }
        if !isOrdered { queues.append((Self.quarantine(name), deadLettered)) }
        queues.append((Self.dead(name), plain))
        return queues
    }

    private static func deadLettering(to queue: String) -> Arguments {
        [
            ("x-dead-letter-exchange", .string("")), ("x-dead-letter-routing-key", .string(queue)),
            // Both together: without the second one, the first has no effect.
            ("x-dead-letter-strategy", .string("at-least-once")), ("x-overflow", .string("reject-publish")),
        ]
    }

    /// All retry queues that a subscription can have, whatever its consumers declare now.
    static func retryQueues(of subscription: SubscriptionName) -> [String] {
        RetryLadder.delays.map { self.retry(subscription, $0) }
            + Self.formerDelays.map { self.retry(subscription, .seconds($0)) }
    }

    /// The queues that a subscription can have apart from its own one.
    static func furtherQueues(of subscription: SubscriptionName) -> [String] {
        self.retryQueues(of: subscription) + [self.quarantine(subscription), self.dead(subscription)]
    }
}
