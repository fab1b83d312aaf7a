// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import NIOCore

extension RabbitEventBus {
    /// Takes patterns away from a subscription; see `EventBus.unbind(_:from:)`.
    ///
    /// Waits until the bus runs.
    public func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws {
        try await self.withConnection("\(subscription).unbind") { connection in
            try await connection.requireSubscription(subscription)
            let channel = try await connection.openChannel()
            for pattern in patterns {
                let unbinding = ClientMethod.queueUnbind(
                    queue: subscription.description,
                    exchange: Topology.exchange,
                    routingKey: pattern.text
                )
                try await connection.call(unbinding, on: channel)
            }
        }
    }

    /// Moves what waits in a subscription to another one; see `EventBus.move(_:to:)`.
    ///
    /// Waits until the bus runs. Each message is acknowledged after the broker has confirmed its copy.
    @discardableResult
    public func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int {
        try BusError.checkMove(subscription, to: other)
        return try await self.withConnection("\(subscription).move") { connection in
            for name in [subscription, other] { try await connection.requireSubscription(name) }
            let mover = QueueMover(connection: connection, channel: try await connection.openChannel()) { copies in
                await self.send(copies.map(Outgoing.copy), through: self.copies)
            }
            var moved = 0
            let main = subscription.description
            let retries = RetryLadder.delays.map { Topology.retry(subscription, $0) }
            // Retries whose delay ends meanwhile are in the subscription's own queue afterwards.
            for queue in [Topology.quarantine(subscription), main] + retries + [main, Topology.dead(subscription)] {
                guard try await connection.count(of: queue) != nil else { continue }
                let isDead = queue == Topology.dead(subscription)
                moved += try await mover.empty(queue) {
                    isDead ? MessageCopy.movedDead($0, to: other) : MessageCopy.moved($0, to: other)
                }
            }
            return moved
        }
    }

    /// Removes an empty subscription that nobody uses, with all its queues; see `EventBus.remove(_:)`.
    ///
    /// Waits until the bus runs, and then for up to two seconds until nothing is on its way between the queues. On RabbitMQ 3.10, do
    /// not call it within a few seconds after a start of the broker.
    public func remove(_ subscription: SubscriptionName) async throws {
        try await self.withConnection("\(subscription).remove") { connection in
            try await connection.requireSubscription(subscription)
            try await self.untilUnused(subscription, on: connection)
            let channel = try await connection.openChannel()
            // The subscription's own queue is the last, so that a removal that stops in the middle can be repeated.
            for queue in Topology.furtherQueues(of: subscription) + [subscription.description] {
                try await connection.call(.queueDelete(name: queue), on: channel)
            }
        }
    }

    /// Returns when two looks in a row have found no consumer and no message.
    ///
    /// RabbitMQ still counts a consumer that has just ended, and doesn't count a message on its way out of a retry queue.
    private func untilUnused(_ subscription: SubscriptionName, on connection: RabbitConnection) async throws {
        var last: BusError?
        var calmLooks = 0
        for look in 0..<4 where calmLooks < 2 {
            if look > 0 { try await Task.sleep(for: .milliseconds(500)) }
            last = try await connection.obstacle(toRemoving: subscription)
            if let last, last.code == .subscriptionNotEmpty { throw last }
            calmLooks = last == nil ? calmLooks + 1 : 0
        }
        guard calmLooks < 2 else { return }
        throw last ?? BusError(.subscriptionInUse, "RabbitMQ: subscription \(subscription) is in use")
    }
}
