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
}

extension EventBus {
    /// Publishes one event and returns when the bus is responsible for it.
    ///
    /// State that is stored in a database and events about it should rather commit together, through the outbox:
    /// `transaction.publish(event)` of the product `Persistence`.
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
