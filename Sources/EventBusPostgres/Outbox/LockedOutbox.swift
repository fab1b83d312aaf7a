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
    private let began = ContinuousClock.now
    /// `nil` before the first exchange, and after one that has failed: then nothing is known.
    private let reader = Mutex<OutboxReader?>(nil)

    init(storage: PostgresStorage, connection: Connection) {
        self.storage = storage
        self.connection = connection
    }

    var unreadableRows: [OutboxRow.ID: String] { self.reader.withLock { $0?.unreadable ?? [:] } }

    func exchange(
        published: [OutboxRow.ID],
        limit: Int,
        except held: HeldRows
    ) async throws(RepositoryError) -> [OutboxRow] {
        do {
            return try await self.exchange(published, limit, held)
        } catch {
            throw RepositoryError(error)
        }
    }

    private func exchange(_ published: [OutboxRow.ID], _ limit: Int, _ held: HeldRows) async throws -> [OutboxRow] {
        let rows = self.storage.outboxRows
        var removal = published.isEmpty ? [] : [rows.delete(published)]
        var taken = self.reader.withLock { $0.take() }
        taken?.remove(published)
        guard limit > 0 else {
            if !removal.isEmpty { _ = try await self.results(removal) }
            self.reader.withLock { $0 = taken }
            return []
        }
        var reader = if let taken { taken } else { try await self.begin() }
        while true {
            let read = reader.next(limit, except: held, now: self.now)
            let moves = read.moves.isEmpty ? [] : [try rows.move(read.moves)]
            let sent = self.now
            let results = try await self.results(removal + moves + [try rows.read(read), OutboxRows.snapshot]).suffix(2)
            removal = []
            reader.take(
                try rows.found(results[results.startIndex].rows),
                of: read,
                at: try rows.snapshot(results[results.startIndex + 1].rows),
                sentAt: sent,
                now: self.now
            )
            let ready = reader.ready(limit, except: held)
            guard ready.isEmpty, reader.hasUnread(held) else {
                self.storage.outboxEdge.store(reader.leftEdge, ordering: .relaxed)
                self.reader.withLock { $0 = reader }
                return ready
            }
            try Task.checkCancellation()
        }
    }

    private func begin() async throws -> OutboxReader {
        let results = try await self.results(self.storage.outboxRows.beginning)
        return OutboxReader(
            frontier: try results[0].rows[0].int8(0),
            lanes: try self.storage.outboxRows.lanes(results[1].rows),
            snapshot: try self.storage.outboxRows.snapshot(results[3].rows),
            now: self.now
        )
    }

    private var now: Duration { self.began.duration(to: .now) }

    private func results(_ statements: [Statement]) async throws -> [StatementResult] {
        Array(try self.storage.results(await self.connection.run(statements)))
    }
}
