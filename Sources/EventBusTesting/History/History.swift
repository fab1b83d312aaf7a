// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import Synchronization

/// What has happened to events, in order, for a ``HistoryChecker`` to judge and for people to read.
///
/// A ``Simulation`` records it automatically; for real servers it is built from the content of their tables and queues.
public final class History: Sendable {
    /// What has happened; messages are told apart by source and id.
    public enum What: Sendable, Hashable {
        /// An event exists from now on: it was committed to an outbox, or another program is about to publish it.
        case committed(EventIdentity, Topic, key: String?)
        /// A message was handed to the bus.
        case published(EventIdentity, Topic)
        /// A subscription has delivered a message.
        case delivered(SubscriptionName, EventIdentity, failures: Int, returns: Int, redrives: Int)
        /// A start other than the first has been counted; it is counted before it happens.
        case claimed(SubscriptionName, EventIdentity)
        /// A consumer has begun to handle a message.
        case started(SubscriptionName, EventIdentity)
        /// A start ended in a failure.
        case failed(SubscriptionName, EventIdentity)
        /// A start was undone for a reason outside its handler; it will be repeated.
        case unfinished(SubscriptionName, EventIdentity)
        /// The transaction in which a consumer handled a message has committed.
        case handled(SubscriptionName, EventIdentity)
        /// A delivery was settled.
        case settled(SubscriptionName, EventIdentity, Verdict)
        /// A store holds an effect of a message.
        case effect(SubscriptionName, EventIdentity)
        /// A delivery went back unsettled at a shutdown, as if it had never been made.
        case givenBack(SubscriptionName, EventIdentity)
        /// A verdict has made a copy of a message and not removed the original.
        case copied(SubscriptionName, EventIdentity)
        /// A message is a dead letter.
        case deadLettered(SubscriptionName, EventIdentity, reason: String, attempts: Int)
        /// A consumer takes no more deliveries, since its process shuts down.
        case stopped(SubscriptionName)
        /// A promise that was seen broken when it happened.
        case broken(Violation)
        /// Anything else worth knowing.
        case note(String)
    }

    /// What has happened, when and where.
    public struct Record: Sendable, Hashable {
        /// The time since the beginning.
        public let time: Duration
        /// The process, the store, or the bus.
        public let place: String
        /// What has happened.
        public let what: What
    }

    private let now: @Sendable () -> Duration
    private let state = Mutex<[Record]>([])

    /// Creates an empty history.
    ///
    /// - Parameter now: returns the time since the beginning.
    public init(now: @escaping @Sendable () -> Duration) {
        self.now = now
    }

    /// All records, in order.
    public var records: [Record] { self.state.withLock { $0 } }

    /// Adds a record.
    public func record(_ what: What, at place: String) {
        let time = self.now()
        self.state.withLock { $0.append(Record(time: time, place: place, what: what)) }
    }
}
