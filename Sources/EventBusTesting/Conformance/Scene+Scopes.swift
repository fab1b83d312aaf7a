// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension Scene {
    /// Makes a subscription exist.
    func declare(_ subscriptions: Subscription...) async throws {
        for subscription in subscriptions { try await self.open(subscription) { _ in } }
    }

    /// Opens a scope; what `body` leaves unsettled goes back.
    func open<Value>(_ subscription: Subscription, _ body: (ReceivedDeliveries) async throws -> Value) async throws
        -> Value
    {
        self.note("open \(subscription.name)")
        var value: Value?
        try await self.harness.bus.withDeliveries(to: subscription) { deliveries in
            value = try await body(ReceivedDeliveries(deliveries, scene: self))
            self.note("end a scope of \(subscription.name)")
        }
        guard let value else { throw ConformanceFailure("withDeliveries returned without having called its body") }
        return value
    }

    /// Lets scopes end that have taken messages and settled none of them.
    func abandon(_ labels: String..., of subscription: Subscription, times: Int) async throws {
        for _ in 0..<times {
            try await self.open(subscription) { inbox in
                let taken = try await inbox.take(count: labels.count)
                try expect("deliveries", inbox.labels(taken), labels)
            }
        }
    }

    /// Gives a bus that breaks a rule the time to do so; one that keeps it needs none.
    func giveWay() async {
        for _ in 0..<100 { await Task.yield() }
    }

    /// Publishes one more message and expects it to be all that arrives: nothing else was there.
    ///
    /// - Returns: the delivery of that message.
    @discardableResult
    func expectNothing(_ subscription: Subscription, but label: String = "fence") async throws -> Delivery {
        try await self.open(subscription) { inbox in
            try await self.publish(label)
            let deliveries = try await inbox.take(label)
            inbox.settle(deliveries, .done)
            try await inbox.flush()
            return deliveries[0]
        }
    }

    /// The dead letters of a subscription, which must be those with the given labels.
    func deadLetters(of subscription: Subscription, _ labels: String...) async throws -> [DeadLetter] {
        self.note("list dead letters \(labels)")
        let letters = try await self.harness.bus.deadLetters(of: subscription.name)
        try expect("dead letters", self.labels(letters), labels)
        return letters
    }
}
