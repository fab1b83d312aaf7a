// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import NIOCore

extension RabbitEventBus {
    /// The dead letters of a subscription; see `EventBus.deadLetters(of:limit:)`.
    ///
    /// Waits until the bus runs. To keep its order, the broker delivers the whole dead-letter queue, up to 65,535 messages.
    public func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        var letters: [DeadLetter] = []
        _ = try await self.settleDeadLetters(of: subscription, limit: limit, batch: Self.usualBatch) { batch in
            letters += batch
            return batch.map { _ in .keep }
        }
        return letters
    }

    /// Gives dead letters back to their subscription; see `EventBus.redrive(_:limit:where:)`.
    ///
    /// Waits until the bus runs. A dead letter is acknowledged after the broker has confirmed its copy.
    public func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try await self.settleDeadLetters(of: subscription, limit: limit, batch: Self.usualBatch) { batch in
            batch.map { isWanted($0) ? .redrive : .keep }
        }.redriven
    }

    /// Goes through the dead letters of a subscription; see `EventBus.settleDeadLetters(of:limit:batch:_:)`.
    ///
    /// Waits until the bus runs. A dead letter is acknowledged after the broker has confirmed its copy. When 65,535 dead letters are
    /// kept, those after them are not considered.
    public func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        try await self.settleDeadLetters(of: subscription, limit, batch, within: DeadLetterPass(), decide)
    }

    /// How many dead letters of a subscription nobody holds, and how many consumers their queue has; see ``DeadLetterGap``.
    ///
    /// Waits until the bus runs, and then for up to 1.5 s until there are no consumers: RabbitMQ still counts for a moment one whose
    /// process has just ended.
    ///
    /// - Throws: `BusError` as ``settleDeadLetters(of:limit:batch:_:)``.
    package func deadLetterCount(of subscription: SubscriptionName) async throws -> QueueCount {
        try await self.withConnection("\(subscription).dead") { connection in
            var found = QueueCount(messages: 0, consumers: 0)
            for look in 0..<4 {
                if look > 0 { try await Task.sleep(for: .milliseconds(500)) }
                guard let count = try await connection.count(of: Topology.dead(subscription)) else {
                    throw BusError(.unknownSubscription, "RabbitMQ: there is no subscription \(subscription)")
                }
                found = count
                if count.consumers == 0 { break }
            }
            return found
        }
    }

    private static let usualBatch = 500

    func settleDeadLetters(
        of subscription: SubscriptionName,
        _ limit: Int,
        _ batch: Int,
        within pass: DeadLetterPass,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        var run = DeadLetterRun(limit: limit, batch: max(1, batch))
        while !run.isOver {
            try await self.withDeadLetters(of: subscription) { queue, connection in
                let isSharded = try await connection.isSharded(subscription)
                let count = try await queue.count()
                run.begin(count: count)
                try await queue.open(
                    count: count,
                    skipping: run.counts.kept,
                    limit: run.remaining,
                    maximumBytes: pass.maximumBytes
                )
                let end = ContinuousClock.now + pass.duration
                repeat {
                    let messages = try await queue.next(min(run.batch, run.remaining))
                    guard !messages.isEmpty else { return run.passEnded(isCut: try await queue.isCut()) }
                    let letters = messages.map { $0.deadLetter() }
                    let verdicts = try await decide(letters)
                    letters.requireVerdicts(verdicts)
                    try await self.settle(
                        messages,
                        run.decide(letters, verdicts),
                        of: subscription,
                        isSharded,
                        queue,
                        &run
                    )
                } while ContinuousClock.now < end
            }
        }
        return run.counts
    }

    /// Carries out what was decided about a batch.
    private func settle(
        _ messages: [ReceivedMessage],
        _ decisions: [RedriveFilter.Decision],
        of subscription: SubscriptionName,
        _ isSharded: Bool,
        _ queue: DeadLetterQueue,
        _ run: inout DeadLetterRun
    ) async throws {
        let copies = zip(messages, decisions).filter { $0.1 == .give }.map { message, _ in
            let copy = MessageCopy.redriven(message, of: subscription)
            return isSharded ? copy.throughShards(of: subscription, key: message.orderingKey) : copy
        }
        let outcomes = copies.isEmpty ? [] : await self.send(copies.map(Outgoing.copy), through: self.copies)
        let isRemoved = run.settled(decisions, stored: outcomes.map(\.isConfirmed))
        let tags = messages.map(\.incoming.tag)
        try await queue.remove(zip(tags, isRemoved).filter(\.1).map(\.0), of: tags)
        guard let failed = outcomes.first(where: { !$0.isConfirmed }) else { return }
        try Task.checkCancellation()
        throw self.error(failed, subscription)
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
