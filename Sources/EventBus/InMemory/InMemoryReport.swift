// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A snapshot of one subscription of an ``InMemoryEventBus``, for tests that check what is still pending.
package struct InMemoryReport: Sendable {
    /// The name of the subscription.
    package let name: SubscriptionName
    /// How many calls of `publish` are waiting for room in it.
    package let suspendedPublishers: Int
    private let state: QueueState

    init(_ name: SubscriptionName, _ state: QueueState, suspendedPublishers: Int) {
        self.name = name
        self.state = state
        self.suspendedPublishers = suspendedPublishers
    }

    /// The messages waiting for a consumer with room, quarantined ones first.
    package var ready: [Message] { (self.state.quarantined + self.state.main).map(\.message) }

    /// The messages waiting for a retry, earliest first; times are relative to the creation of the bus.
    package var delayed: [(due: Duration, message: Message)] { self.state.delayed.map { ($0.due, $0.entry.message) } }

    /// The messages assigned to consumers, whether handed out or still buffered.
    package var unsettled: [(consumer: UInt64, message: Message)] {
        self.state.consumers.flatMap { consumer in consumer.outstanding.map { (consumer.id, $0.entry.message) } }
    }

    /// The open scopes, oldest first.
    package var consumers: [UInt64] { self.state.consumers.map(\.id) }

    /// The dead letters, oldest first.
    package var deadLetters: [DeadLetter] { self.state.deadLetters }
}
