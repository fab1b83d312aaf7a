// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The outbox of an in-memory store.
struct InMemoryOutbox: Outbox, OwnedOutbox {
    let storage: InMemoryStorage

    var commitCount: UInt64 { self.storage.commits.value }
    var pollInterval: Duration? { nil }

    func commits(after count: UInt64) async throws -> UInt64 {
        try await self.storage.commits.wait(above: count)
    }

    func withOwnership(_ body: (any OwnedOutbox) async throws -> Void) async throws {
        try await self.storage.ownership.withPermit { try await body(self) }
    }

    func oldest() async throws(RepositoryError) -> Date? {
        self.storage.withContents { $0.tables.outbox.oldest?.time }
    }

    func exchange(
        published: [OutboxRow.ID],
        limit: Int,
        except held: HeldRows
    ) async throws(RepositoryError) -> [OutboxRow] {
        self.storage.withContents { contents in
            contents.tables.removeFromOutbox(published)
            return contents.tables.outbox.next(limit: limit, except: held)
        }
    }
}
