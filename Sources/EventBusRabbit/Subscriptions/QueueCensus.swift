// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// How many messages wait in a queue, and how many consumers it has.
struct QueueCount: Hashable, Sendable {
    let messages: Int
    let consumers: Int
}

extension RabbitConnection {
    /// Counts what is in a queue; returns `nil` if there is no such queue.
    func count(of queue: String) async throws -> QueueCount? {
        // A queue that is missing ends the channel.
        let channel = try await self.openChannel()
        do {
            let reply = try await self.call(.queueDeclare(name: queue, passive: true, arguments: []), on: channel)
            try await self.call(.channelClose, on: channel)
            guard case .method(.queueDeclareOk(let messages, let consumers)) = reply else { return nil }
            return QueueCount(messages: Int(messages), consumers: Int(consumers))
        } catch let failure as ConnectionFailure where failure.code == .channelClosed(404) {
            return nil
        }
    }

    /// - Throws: `BusError` with code `unknownSubscription` when there is no such subscription.
    func requireSubscription(_ subscription: SubscriptionName) async throws {
        guard try await self.count(of: subscription.description) == nil else { return }
        throw BusError(.unknownSubscription, "RabbitMQ: there is no subscription \(subscription)")
    }

    /// Why a subscription cannot be removed; `nil` when nothing keeps it.
    func obstacle(toRemoving subscription: SubscriptionName) async throws -> BusError? {
        var messages: [String] = []
        var consumers = 0
        // Retries move to the subscription's own queue, which is therefore the last.
        for queue in Topology.furtherQueues(of: subscription) + [subscription.description] {
            guard let count = try await self.count(of: queue) else { continue }
            if count.messages > 0 { messages.append("\(count.messages) in \(queue)") }
            consumers += count.consumers
        }
        if consumers > 0 {
            return BusError(.subscriptionInUse, "RabbitMQ: subscription \(subscription) has \(consumers) consumers")
        }
        guard !messages.isEmpty else { return nil }
        let text = messages.joined(separator: ", ")
        return BusError(.subscriptionNotEmpty, "RabbitMQ: subscription \(subscription) holds messages: \(text)")
    }
}
