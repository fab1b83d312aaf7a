// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import Testing

@testable import EventBusRabbit

/// Something that somebody does to a real broker, and what `topology plan` finds then.
struct RealDrift: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var ordering = Ordering.none
    var shards = 1
    let kinds: Set<DriftKind>
    /// Whether only the management tells it.
    var needsManagement = false
    let change: @Sendable (Subscription) async throws -> Void

    private static let quorum: Topology.Arguments = [("x-queue-type", "quorum")]

    private static func declare(_ name: String, _ arguments: Topology.Arguments) async throws {
        try await TopologyBroker.call(
            .queueDelete(name: name),
            .queueDeclare(name: name, passive: false, arguments: arguments)
        )
    }

    /// The own queue of a subscription with other arguments, bound as before.
    private static func declareOwn(_ subscription: Subscription, _ change: (inout [String: HeaderValue]) -> Void)
        async throws
    {
        var arguments = Dictionary(Topology.queues(of: subscription)[0].arguments) { $1 }
        change(&arguments)
        try await self.declare(subscription.name.description, arguments.map { ($0.key, $0.value) })
        for pattern in subscription.patterns {
            try await TopologyBroker.call(
                .queueBind(queue: "\(subscription.name)", exchange: "events", routingKey: pattern.text)
            )
        }
    }

    static let queues = [
        RealDrift(testDescription: "the dead letters are gone", kinds: [.deadLetterQueueMissing]) {
            try await TopologyBroker.call(.queueDelete(name: "\($0.name).dead"))
        },
        RealDrift(testDescription: "the quarantine is gone", kinds: [.quarantineMissing]) {
            try await TopologyBroker.call(.queueDelete(name: "\($0.name).quarantine"))
        },
        RealDrift(testDescription: "a classic queue", kinds: [.queueType]) { try await declare("\($0.name).dead", []) },
        RealDrift(testDescription: "20 returns", kinds: [.deliveryLimit]) {
            try await declare("\($0.name).dead", quorum + [("x-delivery-limit", 20)])
        },
        RealDrift(testDescription: "limits of time and length", kinds: [.messageTTL, .lengthLimit, .expiry]) {
            try await declareOwn($0) {
                $0["x-message-ttl"] = 60_000
                $0["x-max-length-bytes"] = 1_000_000
                $0["x-expires"] = 3_600_000
            }
        },
        RealDrift(testDescription: "drops the oldest", kinds: [.deadLettering, .overflow]) {
            try await declareOwn($0) {
                $0["x-overflow"] = "drop-head"
                $0["x-dead-letter-strategy"] = "at-most-once"
            }
        },
        RealDrift(testDescription: "ordered", kinds: [.ordering]) {
            try await declareOwn($0) { $0["x-single-active-consumer"] = true }
        },
        RealDrift(testDescription: "one replica", kinds: [.argument]) {
            try await declareOwn($0) { $0["x-quorum-initial-group-size"] = 1 }
        },
        RealDrift(testDescription: "a retry queue with another delay", kinds: [.retryQueue]) { subscription in
            let arguments = Topology.retryArguments(of: subscription.name, .seconds(10)).filter {
                $0.0 != "x-message-ttl"
            }
            try await declare("\(subscription.name).retry.10", arguments + [("x-message-ttl", 9_000)])
        },
        RealDrift(testDescription: "a retry queue of version 0.1", kinds: [.leftoverQueue]) {
            try await declare("\($0.name).retry.30", quorum)
        },
        RealDrift(
            testDescription: "a shard is gone",
            ordering: .perKey,
            shards: 3,
            kinds: [.shardMissing, .bindingMissing]
        ) {
            try await TopologyBroker.call(.queueDelete(name: "\($0.name.shard(1))"))
        },
        RealDrift(testDescription: "a renewal was interrupted", kinds: [.interruptedRenewal]) {
            try await declare("\($0.name).renewal", quorum)
            try await declare("\($0.name).renewal.dead", quorum)
        },
    ]

    static let others = [
        RealDrift(testDescription: "a binding is gone", kinds: [.bindingMissing], needsManagement: true) {
            try await TopologyBroker.call(
                .queueUnbind(queue: "\($0.name)", exchange: "events", routingKey: $0.patterns[0].text)
            )
        },
        RealDrift(testDescription: "a binding of an older version", kinds: [.bindingUnwanted], needsManagement: true) {
            try await TopologyBroker.call(
                .queueBind(queue: "\($0.name)", exchange: "events", routingKey: "\($0.name).old")
            )
        },
        RealDrift(testDescription: "a binding of somebody else", kinds: [.bindingForeign], needsManagement: true) {
            try await TopologyBroker.call(
                .queueBind(queue: "\($0.name).dead", exchange: "amq.topic", routingKey: "x.y")
            )
        },
        RealDrift(
            testDescription: "a bucket in two shards",
            ordering: .perKey,
            shards: 3,
            kinds: [.bindingForeign],
            needsManagement: true
        ) {
            try await TopologyBroker.call(
                .queueBind(queue: "\($0.name.shard(1))", exchange: "\($0.name).shards", routingKey: "0")
            )
        },
        RealDrift(
            testDescription: "the exchange of shards is gone",
            ordering: .perKey,
            shards: 3,
            kinds: [.exchangeMissing, .bindingMissing]
        ) { try await TopologyBroker.call(.exchangeDelete(name: "\($0.name).shards")) },
        RealDrift(
            testDescription: "the exchange of shards has another type and no way for what has no bucket",
            ordering: .perKey,
            shards: 3,
            kinds: [.exchangeType, .exchangeArgument, .bindingMissing]
        ) {
            try await TopologyBroker.call(
                .exchangeDelete(name: "\($0.name).shards"),
                .exchangeDeclare(name: "\($0.name).shards", type: "fanout")
            )
        },
        RealDrift(testDescription: "nobody consumes", kinds: [.noConsumers]) { subscription in
            let topic = try Topic(subscription.patterns[0].text)
            let message = Message(id: "m", topic: topic, source: "/t", time: .init(timeIntervalSince1970: 0), body: [])
            let outcome = try await TopologyBroker.withBus { await $0.publish([message])[0] }
            #expect(outcome.isConfirmed)
        },
    ]

    /// What needs a shell.
    static let controlled = [
        RealDrift(testDescription: "a queue that is not durable", kinds: [.queueNotDurable, .queueType]) {
            try await declareByErlang("\($0.name).dead", durable: false, autoDelete: false)
        },
        RealDrift(
            testDescription: "a queue that is deleted with its consumers",
            kinds: [.queueAutoDelete, .queueType],
            needsManagement: true
        ) {
            try await declareByErlang("\($0.name).dead", durable: true, autoDelete: true)
        },
        RealDrift(
            testDescription: "an exchange that is not durable, is deleted and internal",
            ordering: .perKey,
            shards: 3,
            kinds: [.exchangeNotDurable, .exchangeAutoDelete, .exchangeInternal, .bindingMissing],
            needsManagement: true
        ) {
            try await TopologyBroker.call(.exchangeDelete(name: "\($0.name).keyless"))
            let name = #"rabbit_misc:r(<<"/">>, exchange, <<"\#($0.name).keyless">>)"#
            try await TopologyBroker.erlang(
                #"rabbit_exchange:declare(\#(name), fanout, false, true, true, [], <<"test">>)"#
            )
        },
        RealDrift(
            testDescription: "a policy with limits",
            kinds: [.policyLimit, .policyWithoutEffect],
            needsManagement: true
        ) {
            let definition = #"{"delivery-limit": 20, "max-length": 5, "dead-letter-exchange": "lost"}"#
            try await TopologyBroker.rabbitmqctl(
                "set_policy \($0.name) '^\($0.name)$' '\(definition)' --apply-to queues"
            )
        },
        RealDrift(testDescription: "a policy on dead letters", kinds: [.policyOnDeadLetters], needsManagement: true) {
            try await TopologyBroker.rabbitmqctl(
                #"set_policy \#($0.name) '^\#($0.name).dead$' '{"max-length": 100}' --apply-to queues"#
            )
        },
    ]

    private static func declareByErlang(_ queue: String, durable: Bool, autoDelete: Bool) async throws {
        try await TopologyBroker.call(.queueDelete(name: queue))
        let name = #"rabbit_misc:r(<<"/">>, queue, <<"\#(queue)">>)"#
        try await TopologyBroker.erlang(
            #"rabbit_amqqueue:declare(\#(name), \#(durable), \#(autoDelete), [], none, <<"test">>)"#
        )
    }
}
