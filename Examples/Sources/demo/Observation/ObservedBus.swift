// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// A bus that reports what is published on it and what is received from it.
struct ObservedBus: EventBus {
    let base: any EventBus
    let teller: Storyteller

    func publish(_ messages: [Message]) async -> [PublishOutcome] {
        for message in messages {
            let body = String(decoding: message.body, as: UTF8.self)
            self.teller.report(.published(message.topic, body: body), key: message.orderingKey)
        }
        let outcomes = await self.base.publish(messages)
        for (message, outcome) in zip(messages, outcomes) {
            let acknowledgement: JourneyStep.Acknowledgement =
                switch outcome {
                case .confirmed: .confirmed
                case .unroutable: .unroutable
                default: .failed(outcome.error(for: message.topic)?.description ?? "")
                }
            self.teller.report(.acknowledged(message.topic, acknowledgement), key: message.orderingKey)
        }
        return outcomes
    }

    func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        try await self.base.withDeliveries(to: subscription) { deliveries in
            try await body(
                ObservedDeliveries(base: deliveries, subscription: subscription.name, teller: self.teller)
            )
        }
    }

    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        try await self.base.deadLetters(of: subscription, limit: limit)
    }

    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try await self.base.redrive(subscription, limit: limit, where: isWanted)
    }

    func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        try await self.base.settleDeadLetters(of: subscription, limit: limit, batch: batch, decide)
    }

    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws {
        try await self.base.unbind(patterns, from: subscription)
    }

    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int {
        try await self.base.move(subscription, to: other)
    }

    func remove(_ subscription: SubscriptionName) async throws {
        try await self.base.remove(subscription)
    }
}

/// Deliveries that report what is received.
struct ObservedDeliveries: Deliveries {
    let base: any Deliveries
    let subscription: SubscriptionName
    let teller: Storyteller

    func next() async throws -> [Delivery]? {
        let deliveries = try await self.base.next()
        for delivery in deliveries ?? [] {
            let step = JourneyStep.received(delivery.message.topic, subscription: self.subscription)
            self.teller.report(step, key: delivery.message.orderingKey)
        }
        return deliveries
    }

    func settle(_ delivery: Delivery.ID, _ verdict: Verdict) {
        self.base.settle(delivery, verdict)
    }

    func stop() {
        self.base.stop()
    }

    func giveBack(_ deliveries: [Delivery.ID]) {
        self.base.giveBack(deliveries)
    }

    func flush() async throws {
        try await self.base.flush()
    }
}
