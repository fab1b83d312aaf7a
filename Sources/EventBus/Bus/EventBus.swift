// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A bus that routes messages by topic to durable, named subscriptions.
///
/// This protocol is all that a backend implements. Typed events, retry policies, counting of attempts, time limits, batching and
/// per-key order are built on it once, in ``EventConsumer``, so every backend behaves the same. `EventBusConformance` in the
/// product `EventBusTesting` is the executable form of this contract.
public protocol EventBus: Sendable {
    /// Publishes messages and waits until the bus has confirmed or rejected each of them.
    ///
    /// Never throws and never waits indefinitely: each message has an outcome. Messages of one call are stored in order. When a
    /// subscription is full, the call waits for room and finally returns ``PublishOutcome/notSent(_:)``; a message is never
    /// dropped.
    ///
    /// - Returns: one outcome per message, in the order of the messages.
    func publish(_ messages: [Message]) async -> [PublishOutcome]

    /// Opens a durable, named subscription while `body` runs.
    ///
    /// The subscription outlives the scope: messages that match its patterns are kept for it. Several scopes of one name share
    /// the messages, and each message goes to one of them; a message that several patterns match is delivered once. Patterns
    /// that an earlier scope has bound stay bound. When the scope ends, unsettled messages return to the front of the queue,
    /// in order.
    ///
    /// - Throws: what `body` throws; ``BusError`` with code `topologyMismatch` when the subscription exists with another
    ///   ``Subscription/ordering`` or number of ``Subscription/shards``; with code `unavailable` or `connectionLost` when the bus cannot be reached.
    func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws

    /// Lists the oldest dead letters of a subscription, oldest first, at most `limit`.
    ///
    /// Listing does not change or remove them. While another program lists or redrives the same dead letters, some can be
    /// missing from the result.
    ///
    /// - Throws: ``BusError`` with code `unknownSubscription` when no subscription has that name, with code
    ///   `unavailable` or `connectionLost` when the bus cannot be reached; `CancellationError`.
    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter]

    /// Delivers dead letters to their own subscription again, oldest first.
    ///
    /// Considers the `limit` oldest dead letters. Those for which `isWanted` returns `false` stay, in order. The others move to
    /// the back of the subscription's queue with all attempts available again and ``Delivery/redrives`` increased by one. Dead
    /// letters with the same ``Message/identity``, topic and body are copies of one event: only the first is redriven, the others
    /// are removed.
    ///
    /// A consumer with a store does not handle an event again that its inbox records as handled. If the process stops in the
    /// middle of a redrive, a message can be in the queue and still be a dead letter, so the next redrive delivers it a second
    /// time.
    ///
    /// - Returns: how many dead letters were redriven.
    /// - Throws: ``BusError`` with code `unknownSubscription` when no subscription has that name, with code `unavailable` or
    ///   `connectionLost` when the bus cannot be reached; `CancellationError`. Dead letters that were redriven before the error
    ///   stay redriven.
    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int

    /// Goes through the dead letters of a subscription in batches, oldest first, and keeps, redrives or removes each.
    ///
    /// Considers the `limit` oldest of those that are there when it begins, so that what becomes a dead letter meanwhile is left
    /// alone. What is kept stays in order. What is redriven moves to the back of the subscription's queue, as by
    /// ``redrive(_:limit:where:)``, also with respect to copies of one event. Each batch is settled before `decide` is called with the
    /// next one: `decide` can show progress, and wait to limit the rate.
    ///
    /// It can be stopped anywhere and repeated: if the process stops in the middle, or loses its broker, the last batches can be in the
    /// queue and still dead, so that the next redrive delivers them a second time, with the same ids. A consumer with a store does not
    /// handle them again.
    ///
    /// - Parameters:
    ///   - subscription: whose dead letters.
    ///   - limit: how many to consider at most.
    ///   - batch: how many to decide about at once at most; at least 1.
    ///   - decide: returns one verdict for each dead letter. What it throws ends the call; earlier batches stay settled.
    /// - Returns: how many were kept, redriven and removed.
    /// - Throws: what `decide` throws; ``BusError`` with code `unknownSubscription` when no subscription has that name, with code
    ///   `unavailable` or `connectionLost` when the bus cannot be reached; `CancellationError`.
    func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts

    /// Takes patterns away from a subscription, so that it gets no further messages because of them.
    ///
    /// Messages that are there already stay. A pattern that is not bound is ignored. A consumer that opens the subscription with
    /// the pattern binds it again.
    ///
    /// - Throws: ``BusError`` with code `unknownSubscription` when no subscription has that name, with code `unavailable` or
    ///   `connectionLost` when the bus cannot be reached; `CancellationError`.
    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws

    /// Moves everything that waits in a subscription to the back of another one: messages, retries, what came back, and dead letters.
    ///
    /// They keep ``Delivery/failures``, ``Delivery/returns``, ``Delivery/redrives`` and the reason of a dead letter. Of the returns to an
    /// ordered subscription only one is kept, since there they prove no start. Retries can be delivered at once, before their delay is
    /// over. Messages stay in order, apart from retries, which come last. What open consumers of the subscription hold is not moved;
    /// an ordered subscription must not have any. Bindings stay as they are, so what is published meanwhile may be left; see
    /// ``unbind(_:from:)``. If the process stops in the middle, nothing is lost, and what was being moved can be in both.
    ///
    /// - Returns: how many messages and dead letters were moved.
    /// - Throws: ``BusError`` with code `invalidSubscription` when both are the same, with code `unknownSubscription` when one of
    ///   them does not exist, with code `subscriptionInUse` when an ordered subscription has open consumers, with code `unavailable` or `connectionLost` when the bus cannot be reached; `CancellationError`.
    ///   What was moved before the error stays moved.
    @discardableResult
    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int

    /// Removes a subscription that nobody uses and that is empty.
    ///
    /// To empty it, handle, redrive or move what it holds; see ``move(_:to:)``. Unbind its patterns before, since a message that is
    /// published at the same moment may be removed with it. The next consumer that opens a subscription of that name creates it again.
    ///
    /// - Throws: ``BusError`` with code `unknownSubscription` when no subscription has that name, with code `subscriptionInUse`
    ///   while a consumer is open, with code `subscriptionNotEmpty` while it holds messages or dead letters, with code
    ///   `unavailable` or `connectionLost` when the bus cannot be reached; `CancellationError`.
    func remove(_ subscription: SubscriptionName) async throws
}

extension EventBus {
    /// Lists the 100 oldest dead letters of a subscription; see ``EventBus/deadLetters(of:limit:)``.
    public func deadLetters(of subscription: SubscriptionName) async throws -> [DeadLetter] {
        try await self.deadLetters(of: subscription, limit: 100)
    }

    /// Redrives the oldest dead letters of a subscription; see ``EventBus/redrive(_:limit:where:)``.
    @discardableResult
    public func redrive(_ subscription: SubscriptionName, limit: Int = 100) async throws -> Int {
        try await self.redrive(subscription, limit: limit) { _ in true }
    }

    /// Redrives those of the 100 oldest dead letters for which `isWanted` returns `true`; see
    /// ``EventBus/redrive(_:limit:where:)``.
    @discardableResult
    public func redrive(
        _ subscription: SubscriptionName,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try await self.redrive(subscription, limit: 100, where: isWanted)
    }

    /// Publishes one event and returns after the bus has stored it durably and routed it.
    ///
    /// If the event reports a change in a database, publish it through the outbox instead, so that both commit together:
    /// `transaction.publish(event)` in the product `EventBusPersistence`.
    ///
    /// - Throws: ``BusError`` unless the outcome is ``PublishOutcome/confirmed``.
    public func publish(_ event: some Event) async throws(BusError) {
        let message = try Message(event)
        guard let outcome = await self.publish([message]).first else {
            throw BusError(.outcomeUnknown, "topic \(message.topic): the bus returned no outcome")
        }
        if let error = outcome.error(for: message.topic) { throw error }
    }
}
