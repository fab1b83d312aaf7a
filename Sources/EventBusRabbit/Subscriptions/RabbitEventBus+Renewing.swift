// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

extension RabbitEventBus {
    /// Makes the queues of a subscription anew, as this version of the package declares them, and keeps their messages.
    ///
    /// This is the way out when a subscription cannot be opened because its queues exist with another ordering or other arguments
    /// (`topologyMismatch`). Meanwhile messages wait in the queues of an interim subscription named `<subscription>.renewal`,
    /// which gets the events that are published too. An event that is published just when the interim subscription begins or
    /// ends may be there twice under one id. Pause publishing if the subscription is ordered.
    ///
    /// The processes of its consumers have to have exited: RabbitMQ counts neither what a consumer that stops still holds nor that
    /// consumer, and the queue with these messages would be removed.
    ///
    /// Waits until the bus runs. If it is interrupted, nothing is lost: call it again.
    ///
    /// - Parameter subscription: as its consumers open it, with the topics of all handlers. Other patterns are not bound again.
    /// - Returns: how many messages were moved, dead letters included.
    /// - Throws: `BusError` with code `subscriptionInUse` while a consumer is open, and then nothing has changed; the errors of
    ///   `move(_:to:)` and `remove(_:)`.
    @discardableResult
    public func renewQueues(of subscription: Subscription) async throws -> Int {
        let name = subscription.name
        let interim = try Subscription(
            SubscriptionName("\(name).renewal"),
            patterns: subscription.patterns,
            retryDelays: []
        )
        let exists = try await self.withConnection("\(name).renewal") { connection in
            let exists = try await connection.count(of: name.description) != nil
            if exists { try await self.untilUnused(name, on: connection) }
            try await connection.declare(Declaration.all(for: interim))
            return exists
        }
        // If not, an earlier call was interrupted after the old queues had been removed.
        if exists {
            try await self.unbind(subscription.patterns, from: name)
            try await self.move(name, to: interim.name)
            try await self.remove(name)
        }
        try await self.withConnection("\(name).renewal") { connection in
            try await connection.declare(Declaration.all(for: subscription))
        }
        try await self.unbind(subscription.patterns, from: interim.name)
        let moved = try await self.move(interim.name, to: name)
        try await self.remove(interim.name)
        return moved
    }
}
