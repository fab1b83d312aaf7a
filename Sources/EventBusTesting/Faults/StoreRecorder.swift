// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

/// The messages whose handlers a transaction starts.
final class TransactionStarts: Sendable {
    @TaskLocal static var current: TransactionStarts?

    private struct State: Sendable {
        var messages: [(consumer: SubscriptionName, event: EventIdentity)] = []
        /// The events that it asks about, until it knows which of them are new.
        var asked: [(consumer: SubscriptionName, event: EventIdentity)] = []
        var isBatch = false
        var commitFailure: RepositoryError?
    }

    /// The name of the process in the history.
    let place: String
    private let onStart: @Sendable ([EventIdentity], SubscriptionName) -> Void
    private let state = Mutex(State())

    init(at place: String, onStart: @escaping @Sendable ([EventIdentity], SubscriptionName) -> Void) {
        self.place = place
        self.onStart = onStart
    }

    var messages: [(consumer: SubscriptionName, event: EventIdentity)] { self.state.withLock { $0.messages } }

    /// Whether the messages share the transaction; if it fails, each is started again on its own.
    var isBatch: Bool { self.state.withLock { $0.isBatch } }

    /// What the commit is to fail with.
    var commitFailure: RepositoryError? {
        get { self.state.withLock { $0.commitFailure } }
        set { self.state.withLock { $0.commitFailure = newValue } }
    }

    func ask(about events: [EventIdentity], by consumer: SubscriptionName) {
        self.state.withLock { $0.asked = events.map { (consumer, $0) } }
    }

    /// The event of an attempt that has failed before the handler could begin, if it was about one event.
    func takeUnstarted() -> (consumer: SubscriptionName, event: EventIdentity)? {
        self.state.withLock { state in
            defer { state.asked = [] }
            return state.asked.count == 1 ? state.asked.first : nil
        }
    }

    func append(_ events: [EventIdentity], of count: Int, by consumer: SubscriptionName) {
        self.state.withLock { state in
            state.asked = []
            state.messages += events.map { (consumer, $0) }
            state.isBatch = state.isBatch || count > 1
        }
        self.onStart(events, consumer)
    }
}

/// Records in the history what happens in a durable store.
struct StoreRecorder: InMemoryStoreObserver {
    let name: String
    let history: History
    let onCommit: @Sendable ([Message]) -> Void
    let onWait: @Sendable (_ giveUp: @escaping @Sendable () -> Void) -> Void

    func willMark(_ events: [EventIdentity], by consumer: SubscriptionName) {
        TransactionStarts.current?.ask(about: events, by: consumer)
    }

    func willWait(_ giveUp: @escaping @Sendable () -> Void) { self.onWait(giveUp) }

    func willHandle(_ events: [EventIdentity], of count: Int, by consumer: SubscriptionName) {
        let starts = TransactionStarts.current
        starts?.append(events, of: count, by: consumer)
        for event in events { self.history.record(.started(consumer, event), at: starts?.place ?? self.name) }
    }

    func didClaim(_ event: EventIdentity, by consumer: SubscriptionName) {
        self.history.record(.claimed(consumer, event), at: self.name)
    }

    func didCommit(published: [Message], handled: [(consumer: SubscriptionName, event: EventIdentity)]) {
        for (consumer, event) in handled { self.history.record(.handled(consumer, event), at: self.name) }
        if !published.isEmpty { self.onCommit(published) }
        for message in published {
            self.history.record(.committed(message.identity, message.topic, key: message.orderingKey), at: self.name)
        }
    }
}
