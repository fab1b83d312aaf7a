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

    /// The queues that hold messages, with their numbers.
    func messages(in queues: [String]) async throws -> [String] {
        var texts: [String] = []
        for queue in queues {
            if let count = try await self.count(of: queue), count.messages > 0 {
                texts.append("\(count.messages) in \(queue)")
            }
        }
        return texts
    }
}
