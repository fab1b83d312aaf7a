// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What the readers of an in-memory outbox share: who owns it, and how often something was added.
final class InMemoryOutbox: Sendable {
    let level = Level()
    let ownership = Turnstile()

    func raiseLevel() {
        self.level.raise()
    }
}

/// The outbox of an in-memory store.
struct StoreOutbox: Outbox, OwnedOutbox {
    let store: InMemoryStore
    let shared: InMemoryOutbox

    var commitLevel: UInt64 { self.shared.level.value }
    var pollInterval: Duration? { nil }

    func commits(after level: UInt64) async throws -> UInt64 {
        try await self.shared.level.wait(above: level)
    }

    func withOwnership(_ body: (any OwnedOutbox) async throws -> Void) async throws {
        try await self.shared.ownership.withTurn { try await body(self) }
    }

    func oldest() async throws(RepositoryError) -> Date? {
        self.store.tables.withLock { $0.outbox.oldest?.time }
    }

    func exchange(
        published: [OutboxRow.ID],
        limit: Int,
        except held: HeldRows
    ) async throws(RepositoryError) -> [OutboxRow] {
        self.store.tables.withLock { tables in
            tables.removeFromOutbox(published)
            return tables.outbox.next(limit: limit, except: held)
        }
    }
}
