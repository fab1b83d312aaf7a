// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

/// The outbox, as its owner uses it.
///
/// Everything uses the session that holds the lock, so that a process that has lost the lock cannot change the outbox.
final class LockedOutbox: OwnedOutbox {
    private let storage: PostgresStorage
    private let connection: Connection
    /// The ordering key after which the next walk begins; see `NextRowsQuery`.
    private let walkedKey = Mutex("")

    init(storage: PostgresStorage, connection: Connection) {
        self.storage = storage
        self.connection = connection
    }

    func exchange(
        published: [OutboxRow.ID],
        limit: Int,
        except held: HeldRows
    ) async throws(RepositoryError) -> [OutboxRow] {
        let outbox = self.storage.outboxRows
        var statements: [Statement] = []
        if !published.isEmpty { statements.append(outbox.delete(published)) }
        let key = self.walkedKey.withLock { $0 }
        do {
            if limit > 0 { statements.append(try outbox.next(limit: limit, except: held, afterKey: key)) }
            guard !statements.isEmpty else { return [] }
            let rows = try self.storage.rows(await self.connection.run(statements))
            guard limit > 0 else { return [] }
            let (found, lastKey) = try outbox.rows(rows)
            self.walkedKey.withLock { $0 = lastKey ?? "" }
            return found
        } catch {
            throw RepositoryError(error)
        }
    }
}
