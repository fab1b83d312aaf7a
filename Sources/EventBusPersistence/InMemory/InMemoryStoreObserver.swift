// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// Observes an in-memory store.
///
/// Each event is reported before its effect is visible to anyone else.
package protocol InMemoryStoreObserver: Sendable {
    /// A transaction has asked which of `count` messages are new to a consumer: those in `ids` are, and are handled
    /// next.
    func willHandle(_ ids: [String], of count: Int, by consumer: SubscriptionName)

    /// A start of a message has been claimed.
    func didClaim(_ id: String, by consumer: SubscriptionName)

    /// A transaction has committed these events and these inbox rows.
    func didCommit(published: [Message], handled: [(consumer: SubscriptionName, id: String)])
}

extension InMemoryStoreObserver {
    func didCommit(_ writes: [Tables.Write]) {
        var published: [Message] = []
        var handled: [(consumer: SubscriptionName, id: String)] = []
        for write in writes {
            switch write {
            case .publish(let message): published.append(message)
            case .markHandled(let key): handled.append((key.consumer, key.messageID.text))
            case .insert, .update: break
            }
        }
        self.didCommit(published: published, handled: handled)
    }
}
