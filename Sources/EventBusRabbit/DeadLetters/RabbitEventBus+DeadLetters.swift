// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import NIOCore

extension RabbitEventBus {
    /// A redrive reads no further dead letters once it holds this many bytes of bodies.
    private static let maximumHeldBytes = 64 * 1024 * 1024

    /// The dead letters of a subscription; see `EventBus.deadLetters(of:limit:)`.
    ///
    /// Waits until the bus runs. To keep its order, the broker delivers the whole dead-letter queue, up to 65,535 messages.
    public func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        try await self.withDeadLetters(of: subscription) { queue, _ in
            try await queue.oldest(limit).map { $0.deadLetter() }
        }
    }

    /// Gives dead letters back to their subscription; see `EventBus.redrive(_:limit:where:)`.
    ///
    /// Waits until the bus runs. A dead letter is acknowledged after the broker has confirmed its copy. Fewer than `limit` are
    /// considered when the oldest ones take more than 64 MiB.
    public func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try await self.withDeadLetters(of: subscription) { queue, connection in
            var filter = RedriveFilter()
            var given: [ReceivedMessage] = []
            var doubled: [(message: ReceivedMessage, of: Int)] = []
            for message in try await queue.oldest(limit, maximumBytes: Self.maximumHeldBytes) {
                switch filter.step(for: message.deadLetter(), where: isWanted) {
                case .keep: break
                case .give: given.append(message)
                case .remove(let number): doubled.append((message, of: number))
                }
            }
            guard !given.isEmpty else { return 0 }
            let isSharded = try await connection.isSharded(subscription)
            let copies = given.map { message in
                let copy = MessageCopy.redriven(message, of: subscription)
                return isSharded ? copy.throughShards(of: subscription, key: message.orderingKey) : copy
            }
            let outcomes = await self.send(copies.map(Outgoing.copy), through: self.copies)
            let stored = zip(given, outcomes).filter { $0.1.isConfirmed }.map(\.0)
            // What is the same event as one that was not stored stays with it.
            let removed = doubled.filter { outcomes[$0.of].isConfirmed }.map(\.message)
            queue.remove((stored + removed).map(\.incoming.tag))
            if let failed = outcomes.first(where: { !$0.isConfirmed }) { throw self.error(failed, subscription) }
            return stored.count
        }
    }

    private func error(_ outcome: PublishOutcome, _ subscription: SubscriptionName) -> BusError {
        switch outcome {
        case .notSent(let error): error
        case .unroutable: BusError(.unknownSubscription, "RabbitMQ: there is no queue \(subscription)")
        default: BusError(.unavailable, "RabbitMQ: the broker did not confirm a dead letter of \(subscription)")
        }
    }

    /// Opens the dead-letter queue for the length of `body`; what was fetched and not removed goes back in its order.
    private func withDeadLetters<Value: Sendable>(
        of subscription: SubscriptionName,
        _ body: (DeadLetterQueue, RabbitConnection) async throws -> Value
    ) async throws -> Value {
        try await self.withConnection("\(subscription).dead") { connection in
            do {
                let queue = try await DeadLetterQueue(of: subscription, on: connection)
                let result = await Result { try await body(queue, connection) }
                try await queue.close()
                return try result.get()
            } catch let failure as ConnectionFailure where failure.code == .channelClosed(404) {
                throw BusError(
                    .unknownSubscription,
                    "RabbitMQ: there is no subscription \(subscription)",
                    cause: failure
                )
            }
        }
    }
}
