// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// A bus of which a test needs only a part.
protocol PartialBus: EventBus {}

extension PartialBus {
    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        throw BusError(.unavailable, "this bus has no dead letters")
    }

    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        throw BusError(.unavailable, "this bus has no dead letters")
    }

    func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        throw BusError(.unavailable, "this bus has no dead letters")
    }

    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws {
        throw BusError(.unavailable, "this bus has no subscriptions")
    }

    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int {
        throw BusError(.unavailable, "this bus has no subscriptions")
    }

    func remove(_ subscription: SubscriptionName) async throws {
        throw BusError(.unavailable, "this bus has no subscriptions")
    }
}
