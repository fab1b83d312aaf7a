// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

@testable import EventBusRabbit

extension DriftCase {
    static let all = exchanges + queues + arguments + bindings + operation

    private static let exchanges = [
        DriftCase(.exchangeMissing, .safe, "no exchange", at: "exchange events", found: "none") {
            $0.exchanges["events"] = nil
        },
        DriftCase(.exchangeType, .refused, "a direct exchange", at: "exchange events", found: "direct") {
            $0.exchanges["events"]?.type = "direct"
        },
        DriftCase(.exchangeNotDurable, .refused, "not durable", at: "exchange events", found: "next start") {
            $0.exchanges["events"]?.isDurable = false
        },
        DriftCase(.exchangeAutoDelete, .refused, "auto-delete", at: "exchange events", found: "last binding") {
            $0.exchanges["events"]?.isAutoDelete = true
        },
        DriftCase(.exchangeInternal, .refused, "internal", at: "exchange events", found: "internal") {
            $0.exchanges["events"]?.isInternal = true
        },
        DriftCase(.exchangeArgument, .refused, "an alternate one", at: "exchange events", found: "'lost'") {
            $0.exchanges["events"]?.arguments["alternate-exchange"] = "lost"
        },
        DriftCase(.alternateExchange, .refused, "by a policy", at: "exchange events", found: "'lost'") {
            $0.exchanges["events"]?.policy["alternate-exchange"] = "lost"
        },
        DriftCase(
            .exchangeArgument,
            .move,
            "no way for keyless",
            of: sharded,
            at: "exchange sharded.shards",
            found: "none"
        ) {
            $0.exchanges["sharded.shards"]?.arguments = [:]
        },
        DriftCase(.exchangeMissing, .safe, "of shards", of: sharded, at: "exchange sharded.shards", found: "none") {
            $0.exchanges["sharded.shards"] = nil
        },
        DriftCase(.exchangeType, .move, "of shards", of: sharded, at: "exchange sharded.keyless", found: "topic") {
            $0.exchanges["sharded.keyless"]?.type = "topic"
        },
    ]

    private static let queues = [
        DriftCase(.queueMissing, .safe, "no queue", at: "queue accounts", found: "none") {
            $0.queues["accounts"] = nil
        },
        DriftCase(.deadLetterQueueMissing, .safe, "no dead letters", at: "queue accounts.dead", found: "none") {
            $0.queues["accounts.dead"] = nil
        },
        DriftCase(.quarantineMissing, .safe, "no quarantine", at: "queue accounts.quarantine", found: "none") {
            $0.queues["accounts.quarantine"] = nil
        },
        DriftCase(.shardMissing, .safe, "no shard 2", of: sharded, at: "queue sharded.shard.02", found: "none") {
            $0.queues["sharded.shard.02"] = nil
        },
        DriftCase(.queueType, .move, "a classic queue", at: "queue accounts.dead", found: "classic") {
            $0.queues["accounts.dead"] = TopologyQueue("accounts.dead", arguments: [:])
        },
        DriftCase(.queueNotDurable, .move, "not durable", at: "queue accounts", found: "next start") {
            $0.queues["accounts"]?.isDurable = false
        },
        DriftCase(.queueAutoDelete, .move, "auto-delete", at: "queue accounts", found: "last consumer") {
            $0.queues["accounts"]?.isAutoDelete = true
        },
        DriftCase(.queueExclusive, .refused, "another connection's", at: "queue accounts", found: "exclusive") {
            $0.queues["accounts"]?.isExclusive = true
        },
        DriftCase(.leftoverQueue, .note, "a delay of version 0.1", at: "queue accounts.retry.30", found: "7 messages") {
            $0.queues["accounts.retry.30"] = TopologyQueue("accounts.retry.30", arguments: ["x-queue-type": "quorum"])
            $0.queues["accounts.retry.30"]?.messages = 7
        },
        DriftCase(.leftoverQueue, .note, "was unordered", of: ordered, at: "queue ordered.quarantine", found: "quorum")
        {
            $0.queues["ordered.quarantine"] = TopologyQueue("ordered.quarantine", arguments: ["x-queue-type": "quorum"])
        },
    ]

    private static let arguments = [
        DriftCase(.ordering, .move, "one consumer at a time", at: "queue accounts", found: "true") {
            $0.queues["accounts"]?.arguments["x-single-active-consumer"] = true
        },
        DriftCase(.ordering, .move, "all consumers at once", of: ordered, at: "queue ordered", found: "none") {
            $0.queues["ordered"]?.arguments["x-single-active-consumer"] = nil
        },
        DriftCase(.shards, .move, "8 shards", of: sharded, at: "queue sharded", found: "8 shards") {
            $0.queues["sharded"]?.arguments["x-max-length"] = 8
        },
        DriftCase(.shards, .move, "no shards", of: sharded, at: "queue sharded", found: "no shards") {
            $0 = broker(for: [subscription("sharded", .perKey)])
        },
        DriftCase(
            .shards,
            .move,
            "4 shards",
            of: subscription("sharded", .perKey),
            at: "queue sharded",
            found: "4 shards"
        ) {
            $0 = broker(for: [sharded])
        },
        DriftCase(
            .shards,
            .move,
            "a fifth shard",
            of: sharded,
            at: "queue sharded.shard.05",
            found: "left from more shards"
        ) {
            $0.queues["sharded.shard.05"] = $0.queues["sharded.shard.04"]
        },
        DriftCase(.deadLettering, .move, "to an exchange", at: "queue accounts", found: "'lost'") {
            $0.queues["accounts"]?.arguments["x-dead-letter-exchange"] = "lost"
        },
        DriftCase(.deadLettering, .move, "to another queue", at: "queue accounts.quarantine", found: "'others.dead'") {
            $0.queues["accounts.quarantine"]?.arguments["x-dead-letter-routing-key"] = "others.dead"
        },
        DriftCase(.deadLettering, .move, "at most once", at: "queue accounts", found: "'at-most-once'") {
            $0.queues["accounts"]?.arguments["x-dead-letter-strategy"] = "at-most-once"
        },
        DriftCase(.unreadable, .move, "something new", at: "queue accounts", found: "PRECONDITION_FAILED") {
            $0.queues["accounts"]?.refusal = "PRECONDITION_FAILED - something new"
        },
        DriftCase(.unreadable, .refused, "something new", at: "exchange events", found: "PRECONDITION_FAILED") {
            $0.exchanges["events"]?.refusal = "PRECONDITION_FAILED - something new"
        },
        DriftCase(.deliveryLimit, .move, "20 returns", at: "queue accounts.dead", found: "20") {
            $0.queues["accounts.dead"]?.arguments["x-delivery-limit"] = 20
        },
        DriftCase(.messageTTL, .move, "a minute", at: "queue accounts", found: "60000") {
            $0.queues["accounts"]?.arguments["x-message-ttl"] = 60_000
        },
        DriftCase(.lengthLimit, .move, "100 dead letters", at: "queue accounts.dead", found: "100") {
            $0.queues["accounts.dead"]?.arguments["x-max-length"] = 100
        },
        DriftCase(.lengthLimit, .move, "1 MB", at: "queue accounts", found: "1000000") {
            $0.queues["accounts"]?.arguments["x-max-length-bytes"] = 1_000_000
        },
        DriftCase(.overflow, .move, "drops the oldest", at: "queue accounts", found: "'drop-head'") {
            $0.queues["accounts"]?.arguments["x-overflow"] = "drop-head"
        },
        DriftCase(.expiry, .move, "deleted after an hour", at: "queue accounts", found: "3600000") {
            $0.queues["accounts"]?.arguments["x-expires"] = 3_600_000
        },
        DriftCase(.argument, .move, "one replica", at: "queue accounts", found: "1") {
            $0.queues["accounts"]?.arguments["x-quorum-initial-group-size"] = 1
        },
        DriftCase(.retryQueue, .move, "another delay", at: "queue accounts.retry.10", found: "9000") {
            $0.queues["accounts.retry.10"]?.arguments["x-message-ttl"] = 9_000
        },
        DriftCase(.retryQueue, .move, "back to another", of: sharded, at: "queue sharded.retry.1", found: "''") {
            $0.queues["sharded.retry.1"]?.arguments["x-dead-letter-exchange"] = ""
        },
    ]

    private static let bindings = [
        DriftCase(
            .bindingMissing,
            .safe,
            "a topic",
            at: "binding of queue accounts to events with 'user.*'",
            found: "none"
        ) {
            $0.bindings?.remove(TopologyBinding(from: "events", to: "accounts", key: "user.*"))
        },
        DriftCase(
            .bindingMissing,
            .safe,
            "a bucket",
            of: sharded,
            at: "binding of queue sharded.shard.02 to sharded.shards with '5'",
            found: "none"
        ) { broker in
            broker.bindings = broker.bindings?.filter { $0.source != "sharded.shards" || $0.key != "5" }
        },
        DriftCase(
            .bindingUnwanted,
            .refused,
            "a topic of an older version",
            at: "binding of queue accounts to events with 'a.b'",
            found: "bound"
        ) { $0.bindings?.insert(TopologyBinding(from: "events", to: "accounts", key: "a.b")) },
        DriftCase(
            .bindingForeign,
            .refused,
            "all events are dead letters",
            at: "binding of queue accounts.dead to events with '#'",
            found: "bound"
        ) { $0.bindings?.insert(TopologyBinding(from: "events", to: "accounts.dead", key: "#")) },
        DriftCase(
            .bindingForeign,
            .refused,
            "of another exchange",
            at: "binding of queue accounts to amq.fanout with ''",
            found: "bound"
        ) { $0.bindings?.insert(TopologyBinding(from: "amq.fanout", to: "accounts", key: "")) },
        DriftCase(
            .bindingForeign,
            .refused,
            "a bucket in two shards",
            of: sharded,
            at: "binding of queue sharded.shard.03 to sharded.shards with '5'",
            found: "bound"
        ) {
            $0.bindings?.insert(TopologyBinding(from: "sharded.shards", to: "sharded.shard.03", key: "5"))
        },
        DriftCase(
            .bindingArguments,
            .move,
            "names with x- are not compared",
            of: sharded,
            at: "binding of queue sharded.shard.02 to sharded.shards with '5'",
            found: "x-match='all'"
        ) { broker in
            broker.bindings = broker.bindings?.filter { $0.source != "sharded.shards" || $0.key != "5" }
            let arguments: [String: HeaderValue] = ["x-match": "all", "x-ordering-bucket": "5"]
            broker.bindings?.insert(
                TopologyBinding(from: "sharded.shards", to: "sharded.shard.02", key: "5", arguments: arguments)
            )
        },
    ]

    private static let operation = [
        DriftCase(.policyLimit, .refused, "expires after a minute", at: "queue accounts", found: "60000 by a policy") {
            $0.queues["accounts"]?.policy["message-ttl"] = 60_000
        },
        DriftCase(.policyLimit, .refused, "20 returns", at: "queue accounts", found: "20 by a policy") {
            $0.queues["accounts"]?.policy["delivery-limit"] = 20
        },
        DriftCase(.policyLimit, .refused, "1,000 messages", at: "queue accounts", found: "1000 by a policy") {
            $0.queues["accounts"]?.policy["max-length"] = 1000
        },
        DriftCase(.policyLimit, .refused, "shorter delays", at: "queue accounts.retry.600", found: "60000 by a policy")
        {
            $0.queues["accounts.retry.600"]?.policy["message-ttl"] = 60_000
        },
        DriftCase(
            .policyOnDeadLetters,
            .refused,
            "100 dead letters",
            at: "queue accounts.dead",
            found: "100 by a policy"
        ) {
            $0.queues["accounts.dead"]?.policy["max-length"] = 100
        },
        DriftCase(.policyWithoutEffect, .note, "a higher limit", at: "queue accounts", found: "2000000 by a policy") {
            $0.queues["accounts"]?.policy["delivery-limit"] = 2_000_000
        },
        DriftCase(.policyWithoutEffect, .note, "another exchange", at: "queue accounts", found: "'lost' by a policy") {
            $0.queues["accounts"]?.policy["dead-letter-exchange"] = "lost"
        },
        DriftCase(.noConsumers, .note, "messages wait", at: "queue accounts", found: "12 messages wait") {
            $0.queues["accounts"]?.consumers = 0
            $0.queues["accounts"]?.messages = 12
        },
        DriftCase(
            .noConsumers,
            .note,
            "messages wait in shards",
            of: sharded,
            at: "queue sharded",
            found: "12 messages wait"
        ) {
            $0.queues["sharded"]?.consumers = 0
            $0.queues["sharded.shard.04"]?.messages = 12
        },
        DriftCase(.unknownSubscription, .note, "another program's", at: "subscription others", found: "exists") {
            $0.queues["others"] = TopologyQueue("others", arguments: [:])
            $0.queues["others.dead"] = TopologyQueue("others.dead", arguments: [:])
        },
        DriftCase(.interruptedRenewal, .move, "renewal", at: "subscription accounts.renewal", found: "exists") {
            $0.queues["accounts.renewal"] = TopologyQueue("accounts.renewal", arguments: [:])
            $0.queues["accounts.renewal.dead"] = TopologyQueue("accounts.renewal.dead", arguments: [:])
        },
        DriftCase(.noMajority, .refused, "two of three nodes are down", at: "queue accounts", found: "1 run: rabbit@a")
        {
            $0.queues["accounts"]?.members = ["rabbit@a", "rabbit@b", "rabbit@c"]
        },
        DriftCase(
            .fewReplicas,
            .note,
            "declared on one of three nodes",
            at: "queue accounts",
            found: "2 on rabbit@a, rabbit@b"
        ) {
            $0.nodes = 3
            for name in $0.queues.keys {
                let nodes = name == "accounts" ? ["rabbit@a", "rabbit@b"] : ["rabbit@a", "rabbit@b", "rabbit@c"]
                $0.queues[name]?.members = nodes
                $0.queues[name]?.online = nodes
            }
        },
    ]
}
