// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What operators and the cluster do to the queues of a subscription: policies, replicas, consumers.
struct OperationComparison {
    let wanted: WantedTopology

    private var name: SubscriptionName { self.wanted.subscription.name }

    func drifts(on broker: BrokerTopology) -> [Drift] {
        let names = (self.wanted.queues + self.wanted.retryQueues).map(\.name)
        let queues = names.compactMap { broker.queues[$0] }
        return queues.flatMap(self.policies) + queues.compactMap { self.replicas(of: $0, nodes: broker.nodes) }
            + self.consumers(on: broker)
    }

    // MARK: Policies

    /// Of a number that both the queue's arguments and a policy set, the lower one counts; of anything else, the argument.
    private static let limits: Set = ["message-ttl", "max-length", "max-length-bytes", "delivery-limit", "expires"]
    private static let others: Set = [
        "dead-letter-exchange", "dead-letter-routing-key", "dead-letter-strategy", "overflow",
    ]

    private func policies(of queue: TopologyQueue) -> [Drift] {
        queue.policy.sorted { $0.key < $1.key }.compactMap { key, value in
            let argument = queue.arguments["x-\(key)"]
            if Self.limits.contains(key) { return self.limit(key, value, argument, queue) }
            guard Self.others.contains(key), argument != value else { return nil }
            return self.withoutEffect(key, value, argument, queue)
        }
    }

    private func limit(_ key: String, _ value: HeaderValue, _ argument: HeaderValue?, _ queue: TopologyQueue) -> Drift?
    {
        // -1 means no limit, where it means anything.
        if let limit = value.int, limit < 0 || argument?.int.map({ limit >= $0 }) == true {
            return self.withoutEffect(key, value, argument, queue)
        }
        let isDead = queue.name == Topology.dead(self.name)
        let effect =
            switch key {
            case "expires": "RabbitMQ deletes the queue, with what it holds, when nobody has used it for so long"
            case _ where isDead: "dead letters that RabbitMQ removes are gone"
            default: "what RabbitMQ removes because of it becomes a dead letter"
            }
        return self.wanted.drift(
            isDead ? .policyOnDeadLetters : .policyLimit,
            .refused,
            queue,
            "\(key) \(DriftText.value(argument))",
            "\(DriftText.value(value)) by a policy",
            "\(effect); change the policy, or its pattern: `rabbitmqctl list_policies` and `list_operator_policies` name it"
        )
    }

    private func withoutEffect(
        _ key: String,
        _ value: HeaderValue,
        _ argument: HeaderValue?,
        _ queue: TopologyQueue
    ) -> Drift {
        self.wanted.drift(
            .policyWithoutEffect,
            .note,
            queue,
            "\(key) \(DriftText.value(argument))",
            "\(DriftText.value(value)) by a policy",
            "the policy has no effect here"
        )
    }

    // MARK: The cluster

    private func replicas(of queue: TopologyQueue, nodes: Int?) -> Drift? {
        guard !queue.members.isEmpty else { return nil }
        if let online = queue.online, online.count * 2 <= queue.members.count {
            return self.wanted.drift(
                .noMajority,
                .refused,
                queue,
                "a majority of \(queue.members.count) replicas",
                "\(online.count) run: \(online.sorted().joined(separator: ", "))",
                "it can neither store nor deliver; start the other nodes: "
                    + Set(queue.members).subtracting(online).sorted().joined(separator: ", ")
            )
        }
        guard let nodes, queue.members.count < min(nodes, 3) else { return nil }
        return self.wanted.drift(
            .fewReplicas,
            .note,
            queue,
            "\(min(nodes, 3)) replicas",
            "\(queue.members.count) on \(queue.members.sorted().joined(separator: ", "))",
            "the loss of a node stops it; `rabbitmq-queues grow <node> all` adds a replica on a node"
        )
    }

    private func consumers(on broker: BrokerTopology) -> [Drift] {
        guard let own = broker.queues[self.name.description], own.consumers == 0 else { return [] }
        let queues = [self.name.description] + Topology.shards(of: self.wanted.subscription)
        let messages = queues.compactMap { broker.queues[$0]?.messages }.reduce(0, +)
        guard messages > 0 else { return [] }
        let advice =
            "start its consumers; if nobody needs it any longer: `subscriptions unbind` and `subscriptions remove`"
        return [
            self.wanted.drift(.noConsumers, .note, own, "a consumer", "none, and \(messages) messages wait", advice)
        ]
    }
}
