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
            let (source, queue) = (Topology.exchange, subscription.description)
            let isSharded = try await connection.isSharded(subscription)
            let shards = Topology.shardExchange(subscription)
            let channel = try await connection.openChannel()
            for pattern in patterns.map(\.text) {
                let unbinding =
                    isSharded
                    ? ClientMethod.exchangeUnbind(exchange: shards, source: source, routingKey: pattern)
                    : .queueUnbind(queue: queue, exchange: source, routingKey: pattern)
                try await connection.call(unbinding, on: channel)
            }
        }
    }

    /// Moves what waits in a subscription to another one; see `EventBus.move(_:to:)`.
    ///
    /// Waits until the bus runs. Each message is acknowledged after the broker has confirmed its copy. The messages of an ordered
    /// subscription are received by a consumer, which has to be the only one.
    @discardableResult
    public func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int {
        try subscription.checkMove(to: other)
        return try await self.withConnection("\(subscription).move") { connection in
            for name in [subscription, other] { try await connection.requireSubscription(name) }
            let mover = QueueMover(connection: connection) { copies in
                await self.send(copies.map(Outgoing.copy), through: self.copies)
            }
            let main = subscription.description
            let shards = try await connection.shards(of: subscription)
            if !shards.isEmpty { try await self.untilUnused(subscription, on: connection) }
            let isSharded = try await connection.isSharded(other)
            func copy(_ message: ReceivedMessage, from ordering: Ordering) -> OutgoingMessage {
                let copy = MessageCopy.moved(message, from: ordering, to: other)
                return isSharded ? copy.throughShards(of: other, key: message.orderingKey) : copy
            }
            func copy(_ message: ReceivedMessage) -> OutgoingMessage { copy(message, from: .none) }
            func copyOrdered(_ message: ReceivedMessage) -> OutgoingMessage { copy(message, from: .perKey) }
            func copyDead(_ message: ReceivedMessage) -> OutgoingMessage { MessageCopy.movedDead(message, to: other) }
            var moved = 0
            // Retries whose delay ends meanwhile are in the subscription's own queue afterwards.
            let retries = Topology.retryQueues(of: subscription)
            let others = [Topology.quarantine(subscription), main] + shards + retries
            for queue in others + shards + [main, Topology.dead(subscription)] {
                guard try await connection.count(of: queue) != nil else { continue }
                do {
                    moved += try await mover.empty(queue, queue == Topology.dead(subscription) ? copyDead : copy)
                } catch let failure as ConnectionFailure where failure.code == .channelClosed(405) {
                    try await self.untilUnused(subscription, on: connection)
                    moved += try await mover.emptyAsConsumer(queue, copyOrdered)
                }
            }
            return moved
        }
    }

    /// Removes an empty subscription that nobody uses, with all its queues; see `EventBus.remove(_:)`.
    ///
    /// The processes of its consumers have to have exited: RabbitMQ counts neither what a consumer that stops still holds nor that
    /// consumer, and these messages would be removed as well. One that runs on may create a retry queue again, which stays, empty.
    ///
    /// Waits until the bus runs, and then for up to two seconds until nothing is on its way between the queues. On RabbitMQ 3.10, do
    /// not call it within a few seconds after a start of the broker.
    public func remove(_ subscription: SubscriptionName) async throws {
        try await self.remove(subscription, discardingMessages: false)
    }

    /// Removes a subscription that nobody uses, if so wished with the messages that it holds; see ``remove(_:)``.
    package func remove(_ subscription: SubscriptionName, discardingMessages: Bool) async throws {
        try await self.withConnection("\(subscription).remove") { connection in
            try await connection.requireSubscription(subscription)
            if discardingMessages {
                try await self.untilUnused(subscription, on: connection)
            } else {
                try await self.untilEmpty(subscription, on: connection)
            }
            let channel = try await connection.openChannel()
            let queues = try await connection.queues(of: subscription)
            if try await connection.isSharded(subscription) {
                for exchange in [Topology.shardExchange(subscription), Topology.keylessExchange(subscription)] {
                    try await connection.call(.exchangeDelete(name: exchange), on: channel)
                }
            }
            for queue in queues { try await connection.call(.queueDelete(name: queue), on: channel) }
        }
    }

    /// Returns when two looks in a row have found no consumer and no message.
    ///
    /// RabbitMQ doesn't count a message on its way out of a retry queue.
    private func untilEmpty(_ subscription: SubscriptionName, on connection: RabbitConnection) async throws {
        for look in 0..<2 {
            if look > 0 { try await Task.sleep(for: Self.pause) }
            try await self.untilUnused(subscription, on: connection)
            let queues = try await connection.queues(of: subscription)
            let messages = try await connection.messages(in: queues)
            guard messages.isEmpty else {
                throw BusError(
                    .subscriptionNotEmpty,
                    "RabbitMQ: subscription \(subscription) holds messages: \(messages.joined(separator: ", "))"
                )
            }
        }
    }

    /// Returns when the subscription has no consumer; RabbitMQ still counts for a moment one that has just ended.
    func untilUnused(_ subscription: SubscriptionName, on connection: RabbitConnection) async throws {
        var consumers = 0
        for look in 0..<4 {
            if look > 0 { try await Task.sleep(for: Self.pause) }
            consumers = 0
            // Whoever lists or redrives dead letters consumes their queue, and holds them all.
            for queue in try await connection.queues(of: subscription) {
                consumers += try await connection.count(of: queue)?.consumers ?? 0
            }
            if consumers == 0 { return }
        }
        throw BusError(.subscriptionInUse, "RabbitMQ: subscription \(subscription) has \(consumers) consumers")
    }

    private static let pause = Duration.milliseconds(500)
}
