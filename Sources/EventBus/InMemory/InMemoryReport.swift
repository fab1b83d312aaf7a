// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What one subscription of an ``InMemoryEventBus`` holds at a moment, for tests that ask what is left to happen.
package struct InMemoryReport: Sendable {
    /// The subscription.
    package let name: SubscriptionName
    /// How many calls of `publish` wait for room in it.
    package let suspendedPublishers: Int
    private let state: QueueState

    init(_ name: SubscriptionName, _ state: QueueState, suspendedPublishers: Int) {
        self.name = name
        self.state = state
        self.suspendedPublishers = suspendedPublishers
    }

    /// What waits for a consumer with room, those that have to run alone first.
    package var ready: [Message] { (self.state.quarantined + self.state.main).map(\.message) }

    /// What waits for its retry, soonest first; times are those of the bus's clock since the bus was made.
    package var delayed: [(due: Duration, message: Message)] { self.state.delayed.map { ($0.due, $0.entry.message) } }

    /// What consumers hold, whether they have asked for it yet or not.
    package var unsettled: [(consumer: UInt64, message: Message)] {
        self.state.consumers.flatMap { consumer in consumer.outstanding.map { (consumer.id, $0.entry.message) } }
    }

    /// The scopes that are open, oldest first.
    package var consumers: [UInt64] { self.state.consumers.map(\.id) }

    /// What the subscription has given up on, oldest first.
    package var deadLetters: [DeadLetter] { self.state.deadLetters }
}
