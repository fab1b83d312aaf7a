// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// Sharded subscriptions: an exchange that chooses a shard by the bucket of the ordering key, and a queue for each shard.
///
/// The queue with the subscription's own name holds no messages. Its consumers are the instances, which are counted, and an
/// argument of it is the number of shards, so that RabbitMQ refuses another one.
extension Topology {
    private static let numberArgument = "x-max-length"

    package static func shardExchange(_ subscription: SubscriptionName) -> String { "\(subscription).shards" }

    /// Where the exchange of the shards puts what has no bucket, on its way to the first shard.
    static func keylessExchange(_ subscription: SubscriptionName) -> String { "\(subscription).keyless" }

    /// The queues of a subscription's shards, none if it is not sharded.
    static func shards(of subscription: Subscription) -> [String] {
        guard subscription.shards > 1 else { return [] }
        return (0..<subscription.shards).map { subscription.name.shard($0).description }
    }

    static func number(ofShards count: Int) -> Arguments {
        [(self.numberArgument, .int(Int64(count))), ("x-overflow", .string("reject-publish"))]
    }

    /// The number of shards of a subscription that exists, according to RabbitMQ's text about the difference.
    static func number(ofShardsIn text: String) -> Int? {
        guard text.contains("'\(self.numberArgument)'"), let current = text.firstRange(of: "but current is") else {
            return nil
        }
        return Int(String(text[current.upperBound...].drop { !$0.isNumber }.prefix { $0.isNumber }))
    }
}

extension Declaration {
    /// What chooses a shard, first the shards and then what is published: nothing gets to a shard that is not its own.
    static func shardBindings(of subscription: Subscription) -> [Declaration] {
        let exchange = Topology.shardExchange(subscription.name)
        let patterns = subscription.patterns.map { pattern in
            Declaration(
                kind: .binding,
                name: "of \(exchange) to \(Topology.exchange) with \(pattern.text)",
                active: .exchangeBind(exchange: exchange, source: Topology.exchange, routingKey: pattern.text),
                passive: nil
            )
        }
        return self.shardExchanges(of: subscription.name)
            + (0..<subscription.shards).flatMap { self.bindings(ofShard: $0, of: subscription) } + patterns
    }

    /// A shard, and what its messages need that become dead letters: some of it may have been deleted since its subscription was opened.
    static func shard(_ number: Int, of subscription: Subscription) -> [Declaration] {
        let others =
            [subscription.name] + (0..<subscription.shards).filter { $0 != number }.map(subscription.name.shard)
        let queues = Topology.queues(of: subscription).filter { queue in
            !others.contains { queue.name == $0.description }
        }
        return queues.map { self.queue($0.name, $0.arguments) } + self.bindings(ofShard: number, of: subscription)
    }

    /// A binding that exists while a subscription or a shard is open.
    static func oneBinding(of subscription: Subscription) -> Declaration {
        if let number = subscription.name.shardNumber { return self.binding(of: subscription.name, toBucket: number) }
        let bindings = self.bindings(of: subscription)
        return bindings.first { $0.kind == .binding } ?? bindings[0]
    }

    /// Of a shard to the exchange of the shards.
    static func binding(of shard: SubscriptionName, toBucket bucket: Int) -> Declaration {
        let exchange = Topology.shardExchange(shard.base)
        return Declaration(
            kind: .binding,
            name: "of \(shard) to \(exchange) with bucket \(bucket)",
            active: .queueBind(
                queue: shard.description,
                exchange: exchange,
                routingKey: "\(bucket)",
                // Without "-with-x", names that begin with "x-" are not compared.
                arguments: [
                    ("x-match", .string("all-with-x")), (HeaderName.orderingBucket.description, .string("\(bucket)")),
                ]
            ),
            passive: nil
        )
    }

    private static func bindings(ofShard number: Int, of subscription: Subscription) -> [Declaration] {
        let name = subscription.name.shard(number)
        let buckets = OrderingBucket.all(ofShard: number, of: subscription.shards)
        return buckets.map { self.binding(of: name, toBucket: $0) } + (number == 0 ? [self.keyless(to: name)] : [])
    }

    private static func keyless(to shard: SubscriptionName) -> Declaration {
        let exchange = Topology.keylessExchange(shard.base)
        return Declaration(
            kind: .binding,
            name: "of \(shard) to \(exchange)",
            active: .queueBind(queue: shard.description, exchange: exchange, routingKey: ""),
            passive: nil
        )
    }

    private static func shardExchanges(of subscription: SubscriptionName) -> [Declaration] {
        let (shards, keyless) = (Topology.shardExchange(subscription), Topology.keylessExchange(subscription))
        let alternate: Topology.Arguments = [("alternate-exchange", .string(keyless))]
        return [(keyless, "fanout", []), (shards, "headers", alternate)].map { name, type, arguments in
            Declaration(
                // Whoever may not create the exchange of all events may create these.
                kind: .shardExchange,
                name: name,
                active: .exchangeDeclare(name: name, type: type, arguments: arguments),
                passive: .exchangeDeclare(name: name, type: type, passive: true)
            )
        }
    }
}

extension OutgoingMessage {
    /// The copy as it gets to one of the shards.
    ///
    /// - Parameter key: decides to which, if the producer has not said it.
    func throughShards(of subscription: SubscriptionName, key: String?) -> OutgoingMessage {
        var copy = self
        copy.exchange = Topology.shardExchange(subscription)
        if let key, !copy.headers.contains(.orderingBucket) {
            copy.headers.set(.orderingBucket, .string(OrderingBucket.text(of: key)))
        }
        return copy
    }
}
