// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import Synchronization

/// What has happened to events, in order: what a ``HistoryChecker`` judges and a person reads.
///
/// A ``Simulation`` writes it by itself; for servers it is put together of what their tables and queues hold.
public final class History: Sendable {
    /// One thing that has happened; messages are named by their ids.
    public enum What: Sendable, Hashable {
        /// An event was committed to an outbox.
        case committed(String, Topic, key: String?)
        /// A message was handed to the bus.
        case published(String, Topic)
        /// A subscription has delivered a message.
        case delivered(SubscriptionName, String, failures: Int, returns: Int, redrives: Int)
        /// A start that is not the first was counted, before it happens.
        case claimed(SubscriptionName, String)
        /// A consumer has begun to handle a message.
        case started(SubscriptionName, String)
        /// A start ended in a failure.
        case failed(SubscriptionName, String)
        /// A start was undone, not by its handler's fault: the same start will be made again.
        case unfinished(SubscriptionName, String)
        /// A consumer's transaction that handles a message has committed.
        case handled(SubscriptionName, String)
        /// The bus has been told what is to become of a delivery.
        case settled(SubscriptionName, String, Verdict)
        /// An effect of a message that is found in a store.
        case effect(SubscriptionName, String)
        /// A message that is found among the dead letters.
        case deadLettered(SubscriptionName, String, reason: String, attempts: Int)
        /// Anything else that a reader should know.
        case note(String)
    }

    /// One thing that has happened, when and where.
    public struct Record: Sendable, Hashable {
        /// The time since the beginning.
        public let time: Duration
        /// The process, store or part of the bus.
        public let place: String
        /// What has happened.
        public let what: What
    }

    private let now: @Sendable () -> Duration
    private let state = Mutex<[Record]>([])

    /// Makes an empty history.
    ///
    /// - Parameter now: the time since the beginning.
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
