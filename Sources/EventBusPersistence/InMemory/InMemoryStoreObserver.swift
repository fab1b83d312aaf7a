// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// Observes an in-memory store.
///
/// Each event is reported before its effect is visible to anyone else.
package protocol InMemoryStoreObserver: Sendable {
    /// A transaction is about to ask which events are new to a consumer, which can fail or have to wait.
    func willMark(_ events: [EventIdentity], by consumer: SubscriptionName)

    /// A transaction has asked which of `count` events are new to a consumer: these are, and are handled next.
    func willHandle(_ events: [EventIdentity], of count: Int, by consumer: SubscriptionName)

    /// A transaction waits for what another one holds.
    ///
    /// The observer decides how long.
    ///
    /// - Parameter giveUp: ends the transaction with `locked` if it still waits for the same.
    func willWait(_ giveUp: @escaping @Sendable () -> Void)

    /// A start of an event has been claimed.
    func didClaim(_ event: EventIdentity, by consumer: SubscriptionName)

    /// A transaction has committed these events and these inbox rows.
    func didCommit(published: [Message], handled: [(consumer: SubscriptionName, event: EventIdentity)])
}
