// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

/// The outbox of an owner whose lease ends when its process is frozen or cut off.
///
/// What is read is returned only while the lease is held: rows may have arrived in time and be looked at much later.
final class LeasedOutbox: OwnedOutbox {
    private let base: LockedOutbox
    private let storage: PostgresStorage
    private let connection: Connection
    private let lease: Mutex<OutboxLease>

    private static let heartbeat = Statement("SELECT 1")

    /// - Parameter sent: when the statement was sent that has taken the lock.
    init(storage: PostgresStorage, connection: Connection, lockedAt sent: ContinuousClock.Instant) {
        self.base = LockedOutbox(storage: storage, connection: connection)
        self.storage = storage
        self.connection = connection
        self.lease = Mutex(OutboxLease(storage.configuration.lease, provenAt: sent))
    }

    var unreadableRows: [OutboxRow.ID: String] { self.base.unreadableRows }

    func exchange(
        published: [OutboxRow.ID],
        limit: Int,
        except held: HeldRows
    ) async throws(RepositoryError) -> [OutboxRow] {
        let sent = ContinuousClock.now
        let rows = try await self.base.exchange(published: published, limit: limit, except: held)
        self.lease.withLock { $0.renew(sentAt: sent) }
        while !rows.isEmpty, !self.lease.withLock({ $0.isHeld(at: .now) }) { try await self.beat() }
        return rows
    }

    /// Keeps the lease while the owner waits for events or for the bus.
    ///
    /// Returns when the session has been lost; the owner notices that at its next exchange.
    func keepLease() async {
        let interval = self.lease.withLock { $0.heartbeatInterval }
        do {
            while true {
                try await Task.sleep(for: interval)
                try await self.beat()
            }
        } catch {}
    }

    private func beat() async throws(RepositoryError) {
        let sent = ContinuousClock.now
        _ = try self.storage.rows(await self.connection.run([Self.heartbeat]))
        self.lease.withLock { $0.renew(sentAt: sent) }
    }
}
