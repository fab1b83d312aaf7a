// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The events that have been committed and are not yet on the bus.
///
/// A row exists as long as its event may not be.
public protocol Outbox: Sendable {
    /// Rises with each commit of this process that added rows.
    var commitCount: UInt64 { get }

    /// Waits until ``commitCount`` is above `level` and returns it. Each waiter owns its level, so none misses a commit.
    ///
    /// - Throws: `CancellationError`.
    func commits(after level: UInt64) async throws -> UInt64

    /// How often to look for rows that other processes have committed; `nil` when there are no other processes.
    var pollInterval: Duration? { get }

    /// Runs `body` while nobody else, in any process, owns this outbox; waits for that first.
    ///
    /// - Throws: what `body` throws; ``RepositoryError``; `CancellationError`.
    func withOwnership(_ body: (any OwnedOutbox) async throws -> Void) async throws

    /// When the oldest waiting event happened; `nil` when none waits.
    ///
    /// - Throws: ``RepositoryError``.
    func oldest() async throws(RepositoryError) -> Date?
}

/// An outbox that its one owner reads.
public protocol OwnedOutbox: Sendable {
    /// Removes rows that have been published and returns the next ones to publish, in one round trip.
    ///
    /// Rows come in the order in which they were inserted. Of the rows with one ordering key only the oldest in the whole
    /// outbox is eligible, so that nothing overtakes it. The cost does not grow with the number of rows that wait.
    ///
    /// - Parameters:
    ///   - published: the rows to remove.
    ///   - limit: how many rows to return at most; 0 only removes.
    ///   - held: what not to return now.
    /// - Throws: ``RepositoryError``; with code `unavailable` when ownership was lost with the connection.
    func exchange(published: [OutboxRow.ID], limit: Int, except held: HeldRows) async throws(RepositoryError)
        -> [OutboxRow]
}

/// An event that waits in an outbox.
public struct OutboxRow: Sendable, Identifiable {
    /// Rises in the order of insertion.
    public let id: Int64
    /// What is to be published.
    public let message: Message

    /// Makes a row.
    public init(id: Int64, message: Message) {
        self.id = id
        self.message = message
    }
}

/// Rows that are to wait because publishing them has just failed.
public struct HeldRows: Sendable, Equatable {
    /// All rows of these topics.
    public var topics: Set<Topic>
    /// Single rows.
    public var rows: Set<OutboxRow.ID>

    /// Makes a set.
    public init(topics: Set<Topic> = [], rows: Set<OutboxRow.ID> = []) {
        self.topics = topics
        self.rows = rows
    }
}
