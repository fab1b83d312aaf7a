// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The committed events that are not yet on the bus.
///
/// A row is removed only after the bus has confirmed its event. Applications pass an outbox to an ``OutboxRelay`` by
/// way of their store and do not call it themselves; its members are for stores and relays.
public protocol Outbox: Sendable {
    /// The number of commits that added rows: of this process and, if the store learns of them, of others.
    var commitCount: UInt64 { get }

    /// Waits until ``commitCount`` is greater than `count`, and returns it.
    ///
    /// A caller passes the count that it has seen, so that it cannot miss a commit.
    ///
    /// - Throws: `CancellationError`.
    func commits(after count: UInt64) async throws -> UInt64

    /// How often to look for rows that other processes have committed; `nil` if there are no other processes.
    var pollInterval: Duration? { get }

    /// Waits until nobody else, in any process, owns the outbox, then runs `body` as its owner.
    ///
    /// - Throws: what `body` throws; ``RepositoryError``; `CancellationError`.
    func withOwnership(_ body: (any OwnedOutbox) async throws -> Void) async throws

    /// The time of the oldest waiting event; `nil` if there is none.
    ///
    /// - Throws: ``RepositoryError``.
    func oldest() async throws(RepositoryError) -> Date?
}

/// An outbox, as its owner reads it.
public protocol OwnedOutbox: Sendable {
    /// Removes rows that have been published and returns the next ones to publish, in one round trip.
    ///
    /// Rows are returned in the order in which they were inserted. Of the rows with the same ordering key only the
    /// oldest in the whole outbox is eligible, so that nothing overtakes it. The cost must not grow with the number of
    /// waiting rows.
    ///
    /// - Parameters:
    ///   - published: the rows to remove.
    ///   - limit: the maximum number of rows to return; 0 only removes.
    ///   - held: the rows that must not be returned now.
    /// - Throws: ``RepositoryError``, with code `unavailable` if ownership was lost with the connection.
    func exchange(published: [OutboxRow.ID], limit: Int, except held: HeldRows) async throws(RepositoryError)
        -> [OutboxRow]

    /// The rows so far whose messages cannot be read, as something else has written them, and what is wrong with each.
    ///
    /// They are never returned and stay in the outbox, and later rows of their ordering keys wait behind them. The texts contain no
    /// stored values. The default is empty.
    var unreadableRows: [OutboxRow.ID: String] { get }
}

extension OwnedOutbox {
    /// Empty, for an outbox that nothing else writes to.
    public var unreadableRows: [OutboxRow.ID: String] { [:] }
}

/// An event that waits in an outbox to be published.
public struct OutboxRow: Sendable, Identifiable {
    /// Ascends in the order of insertion.
    public let id: Int64
    /// The message to publish.
    public let message: Message

    /// Creates a row.
    public init(id: Int64, message: Message) {
        self.id = id
        self.message = message
    }
}

/// The rows that have to wait because publishing them has failed recently.
public struct HeldRows: Sendable, Equatable {
    /// All rows of these topics.
    public var topics: Set<Topic>
    /// Single rows.
    public var rows: Set<OutboxRow.ID>

    /// Creates a set of held rows.
    public init(topics: Set<Topic> = [], rows: Set<OutboxRow.ID> = []) {
        self.topics = topics
        self.rows = rows
    }
}
