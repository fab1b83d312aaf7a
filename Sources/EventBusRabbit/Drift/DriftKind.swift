// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The kinds of ``Drift``; their names are those of the tool's JSON and do not change between releases.
package enum DriftKind: String, Hashable, Sendable, CaseIterable {
    // Exchanges.
    case exchangeMissing = "exchange-missing"
    case exchangeType = "exchange-type"
    case exchangeNotDurable = "exchange-not-durable"
    case exchangeAutoDelete = "exchange-auto-delete"
    case exchangeInternal = "exchange-internal"
    case exchangeArgument = "exchange-argument"
    /// What nobody listens to goes to another exchange.
    case alternateExchange = "alternate-exchange"

    // Queues.
    case queueMissing = "queue-missing"
    case shardMissing = "shard-missing"
    case deadLetterQueueMissing = "dead-letter-queue-missing"
    case quarantineMissing = "quarantine-missing"
    case queueType = "queue-type"
    case queueNotDurable = "queue-not-durable"
    case queueAutoDelete = "queue-auto-delete"
    case queueExclusive = "queue-exclusive"
    case leftoverQueue = "leftover-queue"

    // Arguments of queues.
    case ordering
    case shards
    case deadLettering = "dead-lettering"
    case deliveryLimit = "delivery-limit"
    case messageTTL = "message-ttl"
    case lengthLimit = "length-limit"
    case overflow
    case expiry
    case argument
    case retryQueue = "retry-queue"

    /// It differs in something that AMQP does not tell.
    case unreadable

    // Bindings.
    case bindingMissing = "binding-missing"
    case bindingUnwanted = "binding-unwanted"
    case bindingForeign = "binding-foreign"
    case bindingArguments = "binding-arguments"

    // Policies.
    case policyLimit = "policy-limit"
    case policyOnDeadLetters = "policy-on-dead-letters"
    case policyWithoutEffect = "policy-without-effect"

    // Subscriptions and the cluster.
    case noConsumers = "no-consumers"
    case unknownSubscription = "unknown-subscription"
    case interruptedRenewal = "interrupted-renewal"
    case noMajority = "no-majority"
    case fewReplicas = "few-replicas"
}
