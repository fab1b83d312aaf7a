// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Which transactions had ended at one moment: Postgres' `pg_snapshot` (PostgreSQL 15 manual, 9.26.9).
struct TransactionSnapshot: Sendable, Equatable {
    /// All transactions with smaller ids have ended.
    let oldestRunning: UInt64
    /// No transaction with this id or a greater one had begun to write.
    let next: UInt64
    /// The transactions that had begun to write and had not ended.
    let running: Set<UInt64>

    init(oldestRunning: UInt64, next: UInt64, running: Set<UInt64> = []) {
        self.oldestRunning = oldestRunning
        self.next = next
        self.running = running
    }

    /// Reads `xmin:xmax:xip_list`.
    init(text: String) throws(PostgresError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let oldest = UInt64(parts[0]), let next = UInt64(parts[1]) else {
            throw PostgresError(.unexpectedData, detail: "a snapshot cannot be decoded")
        }
        self.init(
            oldestRunning: oldest,
            next: next,
            running: Set(parts[2].split(separator: ",").compactMap { UInt64($0) })
        )
    }
}
