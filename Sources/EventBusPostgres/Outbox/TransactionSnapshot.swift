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
    /// Whether `next` and `running` are known.
    ///
    /// Postgres tells only up to the last transaction that has ended.
    let isComplete: Bool

    init(oldestRunning: UInt64, next: UInt64, running: Set<UInt64> = [], isComplete: Bool = true) {
        self.oldestRunning = oldestRunning
        self.next = next
        self.running = running
        self.isComplete = isComplete
    }

    /// Reads `xmin:xmax:xip_list`.
    ///
    /// - Parameter own: the id that the reading transaction got before, if it has one: whoever has an id from `xmax` on was running, and
    ///   whoever had one when the reading transaction got its own has a smaller one.
    init(text: String, own: UInt64? = nil) throws(PostgresError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let oldest = UInt64(parts[0]), let next = UInt64(parts[1]) else {
            throw PostgresError(.unexpectedData, detail: "a snapshot cannot be decoded")
        }
        self.init(
            oldestRunning: oldest,
            next: max(next, own ?? 0),
            running: Set(parts[2].split(separator: ",").compactMap { UInt64($0) })
                .union(next..<max(next, own ?? 0)),
            isComplete: own != nil
        )
    }
}
