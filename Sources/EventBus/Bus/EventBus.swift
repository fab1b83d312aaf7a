// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A bus that routes messages by topic to durable, named subscriptions: all that a backend has to provide.
///
/// Typed events, retry policies, counting of attempts, time limits, batching and per-key order stand above this protocol,
/// once, in ``EventConsumer``, so that every backend behaves the same. `EventBusConformance` in the product
/// `EventBusTesting` is the contract in executable form.
public protocol EventBus: Sendable {
    /// Hands messages to the bus and waits until it has answered for each of them.
    ///
    /// Never throws and never waits without limit: each message has an outcome. Messages of one call are stored in order.
    /// A bus that has no room waits until it has some, and says ``PublishOutcome/notSent(_:)`` in the end; it never drops.
    ///
    /// - Returns: one outcome per message, in order.
    func publish(_ messages: [Message]) async -> [PublishOutcome]

    /// Opens a durable, named subscription for the length of `body`.
    ///
    /// The subscription itself stays when the scope ends: messages that match its patterns are kept for it. Several scopes
    /// of one name compete, each message goes to one of them; a message that several patterns match arrives once. Patterns
    /// that an earlier scope has bound stay bound. What is unsettled when the scope ends goes back to the front, in order.
    ///
    /// - Throws: what `body` throws; ``BusError`` with code `topologyMismatch` when the subscription exists with another
    ///   ``Subscription/ordering``; with code `unavailable` or `connectionLost` when the bus cannot be reached.
    func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws

    /// The messages that a subscription has given up on, oldest first, at most `limit`.
    ///
    /// They stay where they are. While somebody else lists or redrives the same dead letters, some may be missing.
    ///
    /// - Throws: ``BusError`` with code `unknownSubscription` when there is no subscription of that name, with code
    ///   `unavailable` or `connectionLost` when the bus cannot be reached; `CancellationError`.
    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter]

    /// Gives dead letters to their subscription again, to no other one, oldest first.
    ///
    /// Looks at the `limit` oldest ones. Those that `isWanted` refuses stay where they are, in order. The others go to the back
    /// of the subscription's queue and start anew, with all attempts, and count one more in ``Delivery/redrives``. Of several
    /// with one message id only the first is given; the others are removed, since they are one event.
    ///
    /// A subscription that has handled an event before, as its inbox knows, does not handle it again. When the bus dies in the
    /// middle, a message can be both a dead letter and in the queue: it is given twice when this is called again.
    ///
    /// - Returns: how many were given to the subscription.
    /// - Throws: ``BusError`` with code `unknownSubscription` when there is no subscription of that name, with code
    ///   `unavailable` or `connectionLost` when the bus cannot be reached; `CancellationError`. What had been given by then
    ///   stays given.
    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int
}

extension EventBus {
    /// The 100 oldest dead letters of a subscription; see ``EventBus/deadLetters(of:limit:)``.
    public func deadLetters(of subscription: SubscriptionName) async throws -> [DeadLetter] {
        try await self.deadLetters(of: subscription, limit: 100)
    }

    /// Gives the oldest dead letters to their subscription again; see ``EventBus/redrive(_:limit:where:)``.
    @discardableResult
    public func redrive(_ subscription: SubscriptionName, limit: Int = 100) async throws -> Int {
        try await self.redrive(subscription, limit: limit) { _ in true }
    }

    /// Gives those of the 100 oldest dead letters that are wanted to their subscription again; see
    /// ``EventBus/redrive(_:limit:where:)``.
    @discardableResult
    public func redrive(
        _ subscription: SubscriptionName,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try await self.redrive(subscription, limit: 100, where: isWanted)
    }

    /// Publishes one event and returns when the bus is responsible for it.
    ///
    /// State that is stored in a database and events about it should rather commit together, through the outbox:
    /// `transaction.publish(event)` of the product `EventBusPersistence`.
    ///
    /// - Throws: ``BusError`` unless the outcome is ``PublishOutcome/confirmed``.
    public func publish(_ event: some Event) async throws(BusError) {
        let message = try Message(event)
        guard let outcome = await self.publish([message]).first else {
            throw BusError(.outcomeUnknown, "topic \(message.topic): the bus gave no outcome")
        }
        if let error = outcome.error(for: message.topic) { throw error }
    }
}
