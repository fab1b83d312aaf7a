// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

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

    /// Whether a subscription is sharded.
    ///
    /// It has an exchange then or, if a removal was interrupted, at least its first shard, which is removed last.
    func isSharded(_ subscription: SubscriptionName) async throws -> Bool {
        if try await self.hasExchange(Topology.shardExchange(subscription)) { return true }
        return try await self.count(of: subscription.shard(0).description) != nil
    }

    /// The queues of a subscription's shards; none if it is not sharded.
    ///
    /// Some can be missing in between, if somebody has deleted them.
    func shards(of subscription: SubscriptionName) async throws -> [String] {
        guard try await self.isSharded(subscription) else { return [] }
        var queues: [String] = []
        for number in 0..<Subscription.maximumShards {
            let queue = subscription.shard(number).description
            if try await self.count(of: queue) != nil { queues.append(queue) }
        }
        return queues
    }

    /// All queues of a subscription, in the order in which they can be removed.
    ///
    /// The subscription's own queue is the last and the first shard the last of the shards, so that a removal that stops in the
    /// middle can be repeated.
    func queues(of subscription: SubscriptionName) async throws -> [String] {
        let shards = try await self.shards(of: subscription)
        return Topology.furtherQueues(of: subscription) + shards.reversed() + [subscription.description]
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
