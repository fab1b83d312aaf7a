// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

/// A broker that differs from the code in one thing, and what is said about it.
struct DriftCase: CustomTestStringConvertible, Sendable {
    let kind: DriftKind
    let remedy: Drift.Remedy
    /// What somebody has done to the broker.
    let testDescription: String
    let subscription: Subscription
    let object: String
    /// A part of what was found.
    let found: String
    let change: @Sendable (inout BrokerTopology) -> Void

    init(
        _ kind: DriftKind,
        _ remedy: Drift.Remedy,
        _ what: String,
        of subscription: Subscription = DriftCase.accounts,
        at object: String,
        found: String,
        _ change: @escaping @Sendable (inout BrokerTopology) -> Void
    ) {
        self.kind = kind
        self.remedy = remedy
        self.testDescription = "\(kind.rawValue): \(what)"
        self.subscription = subscription
        self.object = object
        self.found = found
        self.change = change
    }

    static let accounts = Self.subscription("accounts")
    static let ordered = Self.subscription("ordered", .perKey)
    static let sharded = Self.subscription("sharded", .perKey, shards: 4)

    static func subscription(_ name: SubscriptionName, _ ordering: Ordering = .none, shards: Int = 1) -> Subscription {
        do {
            return try Subscription(
                name,
                patterns: ["payment.made", "user.*"],
                ordering: ordering,
                shards: shards
            )
        } catch { fatalError("\(error)") }
    }

    /// The broker has what the code wants, and nothing else.
    static func broker(for subscriptions: [Subscription], withRetryQueues: Bool = true) -> BrokerTopology {
        let wanted = subscriptions.map(WantedTopology.init)
        var broker = BrokerTopology(
            exchanges: wanted.flatMap(\.exchanges),
            queues: wanted.flatMap { $0.queues + (withRetryQueues ? $0.retryQueues : []) },
            bindings: Set(wanted.flatMap(\.bindings)),
            isComplete: true,
            nodes: 1
        )
        for name in broker.queues.keys {
            broker.queues[name]?.messages = 0
            broker.queues[name]?.consumers = 1
            broker.queues[name]?.members = ["rabbit@a"]
            broker.queues[name]?.online = ["rabbit@a"]
            // RabbitMQ binds every queue to the default exchange.
            broker.bindings?.insert(TopologyBinding(from: "", to: name, key: name))
        }
        return broker
    }
}
