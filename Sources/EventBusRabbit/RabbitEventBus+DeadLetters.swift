// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import Logging
import NIOCore

extension RabbitEventBus {
    /// A redrive holds no more bytes of bodies than this: it then looks at fewer dead letters.
    private static let maximumHeldBytes = 64 * 1024 * 1024

    /// The dead letters of a subscription; see ``EventBus/EventBus/deadLetters(of:limit:)``.
    ///
    /// Waits until the bus runs. Gets them without acknowledging and gives them back by closing the channel, which keeps
    /// their order.
    public func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        try await self.withDeadLetters(of: subscription, limit: limit) { shelf in
            var letters: [DeadLetter] = []
            while letters.count < limit, let message = try await shelf.next() { letters.append(message.deadLetter()) }
            return letters
        }
    }

    /// Gives dead letters to their subscription again; see ``EventBus/EventBus/redrive(_:limit:where:)``.
    ///
    /// Waits until the bus runs. Each one is acknowledged after the broker has confirmed its copy. Looks at fewer than `limit`
    /// when those that are wanted hold more than 64 MiB.
    public func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try await self.withDeadLetters(of: subscription, limit: limit) { shelf in
            // All are fetched before the first is given, so that one that dies again is not met again.
            var filter = RedriveFilter()
            var given: [IncomingMessage] = []
            var removed: [(tag: UInt64, id: String)] = []
            var (looked, bytes) = (0, 0)
            while looked < limit, bytes < Self.maximumHeldBytes, let message = try await shelf.next() {
                looked += 1
                let letter = message.deadLetter()
                switch filter.step(for: letter, where: isWanted) {
                case .keep: break
                case .give:
                    given.append(message)
                    bytes += message.body.readableBytes
                case .remove: removed.append((message.tag, letter.message.id))
                }
            }
            return try await self.give(given, removing: removed, of: subscription, shelf)
        }
    }

    private func give(
        _ given: [IncomingMessage],
        removing removed: [(tag: UInt64, id: String)],
        of subscription: SubscriptionName,
        _ shelf: DeadLetterQueue
    ) async throws -> Int {
        guard !given.isEmpty else { return 0 }
        let copies = given.map { MessageCopy.redriven($0, of: subscription) }
        let outcomes = await self.send(copies, through: self.copies)
        var stored: Set<String> = []
        var tags: [UInt64] = []
        for (message, outcome) in zip(given, outcomes) where outcome.isConfirmed {
            stored.insert(message.messageID)
            tags.append(message.tag)
        }
        let count = tags.count
        tags += removed.filter { stored.contains($0.id) }.map(\.tag)
        try await shelf.remove(tags)
        if let failed = outcomes.first(where: { !$0.isConfirmed }) { throw self.error(failed, subscription) }
        return count
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
        limit: Int,
        _ body: (DeadLetterQueue) async throws -> Value
    ) async throws -> Value {
        if self.status.isIdle { self.logger.warning("A look at dead letters waits for the bus to run") }
        try await self.status.untilStarted()
        let connection = try await self.connect("\(subscription).dead")
        do {
            let queue = try await DeadLetterQueue(of: subscription, limit: limit, on: connection)
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
