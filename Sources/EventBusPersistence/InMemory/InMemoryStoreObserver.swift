// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// Observes an in-memory store.
///
/// Each event is reported before its effect is visible to anyone else.
package protocol InMemoryStoreObserver: Sendable {
    /// A transaction has asked which of `count` events are new to a consumer: these are, and are handled next.
    func willHandle(_ events: [EventIdentity], of count: Int, by consumer: SubscriptionName)

    /// A start of an event has been claimed.
    func didClaim(_ event: EventIdentity, by consumer: SubscriptionName)

    /// A transaction has committed these events and these inbox rows.
    func didCommit(published: [Message], handled: [(consumer: SubscriptionName, event: EventIdentity)])
}
