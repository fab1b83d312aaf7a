// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// The names and arguments of the wire contract.
///
/// They are the same on all versions of RabbitMQ and frozen, since RabbitMQ refuses to declare an existing queue with other
/// arguments. From one version of this package to the next, queues and bindings can only be added.
package enum Topology {
    typealias Arguments = [(String, HeaderValue)]

    package static let exchange = "events"
    /// More returns than there will ever be.
    ///
    /// Without it RabbitMQ 4 drops what has come back 20 times. "Unlimited" (-1) makes RabbitMQ 3 drop everything at the first return.
    static let deliveryLimit: Int64 = 1_000_000
    /// The delays of earlier versions, in seconds, whose queues may still be there.
    private static let formerDelays = [5, 30]

    static func quarantine(_ subscription: SubscriptionName) -> String { "\(subscription).quarantine" }
    /// That of a shard is its subscription's.
    static func dead(_ subscription: SubscriptionName) -> String { "\(subscription.base).dead" }

    /// The retry queue of a delay of the ladder.
    static func retry(_ subscription: SubscriptionName, _ delay: Duration) -> String {
        "\(subscription.base).retry.\(delay.components.seconds)"
    }

    private static let plain: Arguments = [
        ("x-queue-type", .string("quorum")), ("x-delivery-limit", .int(Self.deliveryLimit)),
    ]

    /// The queues that a subscription has as long as it exists, with their arguments.
    static func queues(of subscription: Subscription) -> [(name: String, arguments: Arguments)] {
        let name = subscription.name
        let isOrdered = subscription.ordering == .perKey
        // What the broker itself drops, because of an operator's policy for example, is a dead letter too.
        let deadLettered = Self.plain + Self.deadLettering(to: Self.dead(name))
        // For RabbitMQ, `false` and no value are different arguments.
        let single: Arguments = isOrdered ? [("x-single-active-consumer", .bool(true))] : []
        let isSharded = subscription.shards > 1
        let own = isSharded ? Self.plain + Self.number(ofShards: subscription.shards) : deadLettered + single
        var queues = [(name: name.description, arguments: own)]
        for shard in Self.shards(of: subscription) { queues.append((shard, deadLettered + single)) }
        if !isOrdered { queues.append((Self.quarantine(name), deadLettered)) }
        queues.append((Self.dead(name), Self.plain))
        return queues
    }

    /// The arguments of the retry queue of a delay, which is declared when a message first needs it.
    ///
    /// What is retried goes on to the subscription's own queue or, of a shard, to that of its key.
    static func retryArguments(of subscription: SubscriptionName, _ delay: Duration) -> Arguments {
        let ttl: Arguments = [("x-message-ttl", .int(delay.components.seconds * 1000))]
        let deadLettering =
            subscription.isShard
            ? Self.deadLettering(to: "", of: Self.shardExchange(subscription.base))
            : Self.deadLettering(to: subscription.description)
        return Self.plain + deadLettering + ttl
    }

    private static func deadLettering(to queue: String, of exchange: String = "") -> Arguments {
        [
            ("x-dead-letter-exchange", .string(exchange)), ("x-dead-letter-routing-key", .string(queue)),
            // Both together: without the second one, the first has no effect.
            ("x-dead-letter-strategy", .string("at-least-once")), ("x-overflow", .string("reject-publish")),
        ]
    }

    /// All retry queues that a subscription can have, whatever its consumers declare now.
    static func retryQueues(of subscription: SubscriptionName) -> [String] {
        RetryLadder.delays.map { self.retry(subscription, $0) }
            + Self.formerDelays.map { self.retry(subscription, .seconds($0)) }
    }

    /// The retry queues of a subscription, its quarantine and its dead letters, whether they exist or not.
    package static func parts(of subscription: SubscriptionName) -> (
        retries: [String], quarantine: String, dead: String
    ) {
        (self.retryQueues(of: subscription), self.quarantine(subscription), self.dead(subscription))
    }

    /// The queues that a subscription can have apart from its own one.
    static func furtherQueues(of subscription: SubscriptionName) -> [String] {
        self.retryQueues(of: subscription) + [self.quarantine(subscription), self.dead(subscription)]
    }
}
