// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

/// The messages whose handlers a transaction starts.
final class TransactionStarts: Sendable {
    @TaskLocal static var current: TransactionStarts?

    private struct State: Sendable {
        var messages: [(consumer: SubscriptionName, id: String)] = []
        var isBatch = false
    }

    private let state = Mutex(State())

    var messages: [(consumer: SubscriptionName, id: String)] { self.state.withLock { $0.messages } }

    /// Whether the messages share the transaction; if it fails, each is started again on its own.
    var isBatch: Bool { self.state.withLock { $0.isBatch } }

    func append(_ ids: [String], of count: Int, by consumer: SubscriptionName) {
        self.state.withLock { state in
            state.messages += ids.map { (consumer, $0) }
            state.isBatch = state.isBatch || count > 1
        }
    }
}

/// Records in the history what happens in a durable store.
struct StoreRecorder: InMemoryStoreObserver {
    let name: String
    let history: History
    let onCommit: @Sendable ([Message]) -> Void

    func willHandle(_ ids: [String], of count: Int, by consumer: SubscriptionName) {
        TransactionStarts.current?.append(ids, of: count, by: consumer)
        for id in ids { self.history.record(.started(consumer, id), at: self.name) }
    }

    func didClaim(_ id: String, by consumer: SubscriptionName) {
        // Starts after a redrive are counted under the message's id and the number of redrives.
        self.history.record(.claimed(consumer, Self.message(of: id)), at: self.name)
    }

    func didCommit(published: [Message], handled: [(consumer: SubscriptionName, id: String)]) {
        for (consumer, id) in handled { self.history.record(.handled(consumer, id), at: self.name) }
        if !published.isEmpty { self.onCommit(published) }
        for message in published {
            self.history.record(.committed(message.id, message.topic, key: message.orderingKey), at: self.name)
        }
    }

    private static func message(of claim: String) -> String {
        guard let mark = claim.lastIndex(of: "#"), Int(claim[claim.index(after: mark)...]) != nil else { return claim }
        return String(claim[..<mark])
    }
}
