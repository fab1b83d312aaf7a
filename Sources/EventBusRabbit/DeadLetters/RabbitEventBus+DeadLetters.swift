// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import Logging
import NIOCore

extension RabbitEventBus {
    /// A redrive looks at no more dead letters once it holds so many bytes of bodies.
    private static let maximumHeldBytes = 64 * 1024 * 1024

    /// The dead letters of a subscription; see ``EventBus/EventBus/deadLetters(of:limit:)``.
    ///
    /// Waits until the bus runs. The broker hands over the whole dead-letter queue, up to 65,535 messages, to keep its order.
    public func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        try await self.withDeadLetters(of: subscription) { queue in
            try await queue.oldest(limit).map { $0.deadLetter() }
        }
    }

    /// Gives dead letters to their subscription again; see ``EventBus/EventBus/redrive(_:limit:where:)``.
    ///
    /// Waits until the bus runs. Each one is acknowledged after the broker has confirmed its copy. Looks at fewer than `limit`
    /// when the oldest ones hold more than 64 MiB.
    public func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try await self.withDeadLetters(of: subscription) { queue in
            var filter = RedriveFilter()
            var given: [IncomingMessage] = []
            var doubled: [IncomingMessage] = []
            for message in try await queue.oldest(limit, maximumBytes: Self.maximumHeldBytes) {
                switch filter.step(for: message.deadLetter(), where: isWanted) {
                case .keep: break
                case .give: given.append(message)
                case .remove: doubled.append(message)
                }
            }
            guard !given.isEmpty else { return 0 }
            let copies = given.map { MessageCopy.redriven($0, of: subscription) }
            let outcomes = await self.send(copies.map(Outgoing.copy), through: self.copies)
            let stored = zip(given, outcomes).filter { $0.1.isConfirmed }.map(\.0)
            let ids = Set(stored.map(\.messageID))
            queue.remove((stored + doubled.filter { ids.contains($0.messageID) }).map(\.tag))
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

    /// Opens a connection for the length of `body`; what it has fetched and not removed is given back, in order.
    private func withDeadLetters<Value: Sendable>(
        of subscription: SubscriptionName,
        _ body: (DeadLetterQueue) async throws -> Value
    ) async throws -> Value {
        if self.status.isIdle { self.logger.warning("A look at dead letters waits for the bus to run") }
        try await self.status.untilStarted()
        let connection = try await self.connect("\(subscription).dead")
        do {
            let queue = try await DeadLetterQueue(of: subscription, on: connection)
            let result: Result<Value, any Error>
            do { result = .success(try await body(queue)) } catch { result = .failure(error) }
            try await queue.close()
            await connection.close()
            return try result.get()
        } catch {
            await connection.close()
            guard let failure = error as? ConnectionFailure else { throw error }
            if failure.code == .channelClosed(404) {
                throw BusError(
                    .unknownSubscription,
                    "RabbitMQ: there is no subscription \(subscription)",
                    cause: failure
                )
            }
            throw failure.busError(.connectionLost)
        }
    }
}
