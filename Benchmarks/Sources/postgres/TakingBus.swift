// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// A bus to which one can only publish.
protocol TakingBus: EventBus {}

extension TakingBus {
    func withDeliveries(to subscription: Subscription, _ body: (any Deliveries) async throws -> Void) async throws {
        throw Self.error
    }

    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] { throw Self.error }

    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int { throw Self.error }

    func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts { throw Self.error }

    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws { throw Self.error }

    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int { throw Self.error }

    func remove(_ subscription: SubscriptionName) async throws { throw Self.error }

    private static var error: BusError { BusError(.unknownSubscription, "this bus has no subscriptions") }
}
