// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The outbox of a Postgres store.
///
/// The process whose session holds an advisory lock owns it, until the session ends. The server ends it when the process has been
/// silent for the duration of the lease.
struct PostgresOutbox: Outbox {
    let storage: PostgresStorage

    /// How often a relay that stands by tries to get the lock.
    private static let ownershipInterval: Duration = .milliseconds(500)

    private static let lock = SQL("SELECT pg_try_advisory_lock($1)")

    var commitCount: UInt64 { self.storage.commits.value }
    var pollInterval: Duration? { .milliseconds(500) }

    func commits(after count: UInt64) async throws -> UInt64 {
        try await self.storage.commits.wait(above: count)
    }

    func oldest() async throws(RepositoryError) -> Date? {
        let edge = self.storage.outboxEdge.load(ordering: .relaxed)
        let rows = try await self.storage.read(self.storage.outboxRows.oldest(from: edge))
        guard rows.count > 0 else { return nil }
        return try RepositoryError.converting { try rows[0].timestamp(0) }
    }

    func withOwnership(_ body: (any OwnedOutbox) async throws -> Void) async throws {
        let connection: Connection
        let wakeUps = Notifier()
        do {
            try await self.storage.waitUntilReady()
            connection = try await self.storage.openRelayConnection { wakeUps.raise() }
        } catch {
            try Task.checkCancellation()
            throw error
        }
        // Closing the session releases the lock, whatever state the session is in.
        defer { connection.close() }
        let lock = Statement(Self.lock, [.int8(self.storage.schema.lock("outbox"))])
        var sent = ContinuousClock.now
        while try self.storage.rows(await connection.run([lock]))[0].bool(0) == false {
            try await Task.sleep(for: Self.ownershipInterval)
            sent = .now
        }
        // Before the first look at the outbox, so that no commit is missed.
        _ = try self.storage.rows(await connection.run([self.storage.listen]))
        let outbox = LeasedOutbox(storage: self.storage, connection: connection, lockedAt: sent)
        self.storage.ownsOutbox.store(true, ordering: .relaxed)
        defer {
            self.storage.ownsOutbox.store(false, ordering: .relaxed)
            self.storage.outboxEdge.store(0, ordering: .relaxed)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await outbox.keepLease() }
            group.addTask { try await self.storage.followCommits(wakeUps) }
            defer {
                // A heartbeat that the server does not answer would be waited for.
                connection.close()
                group.cancelAll()
            }
            try await body(outbox)
        }
    }
}
