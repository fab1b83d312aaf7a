// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Which connections the statements share that gather.
extension PoolState {
    /// Takes a connection that others use in the same way, if there are enough of them.
    mutating func takeCommon(_ use: Use) -> ConnectionID? {
        guard self.phase == .running else { return nil }
        let id =
            switch use {
            case .reads: self.commonForReads()
            case .inserts: self.commonForInserts()
            case .shared, .exclusive: ConnectionID?.none
            }
        guard let id, case .open(let segments, _) = self.slots[id] else { return nil }
        self.give((id, segments), use)
        return id
    }

    /// The fullest of those that have room, so that as few as possible are used.
    private func commonForReads() -> ConnectionID? {
        guard self.reads.values.reduce(0, +) >= Limits.readsApart else { return nil }
        return self.only(self.reads).filter { $0.count < Limits.readsTogether }
            .max { ($0.count, $1.id) < ($1.count, $0.id) }?.id
    }

    /// The least busy of those that have room.
    private func commonForInserts() -> ConnectionID? {
        guard self.inserts.count >= Limits.commits else { return nil }
        let common = self.only(self.inserts)
        guard common.count >= Limits.commits, let best = common.min(by: { ($0.count, $0.id) < ($1.count, $1.id) }),
            best.count < self.insertsPerConnection
        else { return nil }
        return best.id
    }

    /// The connections on which nothing else is under way, and for which no transaction waits.
    private func only(_ counts: [ConnectionID: Int]) -> [(id: ConnectionID, count: Int)] {
        counts.compactMap { id, count in
            guard case .open(segments: count, isExclusive: false) = self.slots[id], self.reservations[id] == nil
            else { return nil }
            return (id, count)
        }
    }

    /// Keeps the books of what is under way on a connection.
    mutating func count(_ use: Use, on id: ConnectionID, _ change: Int) {
        switch use {
        case .reads: Self.count(&self.reads, on: id, change)
        case .inserts:
            Self.count(&self.inserts, on: id, change)
            // Each one that has been answered raises what failed commits have lowered.
            guard change < 0 else { break }
            self.insertsPerConnection = min(Limits.insertsPerCommit, self.insertsPerConnection + 1)
        case .shared, .exclusive: break
        }
    }

    private static func count(_ counts: inout [ConnectionID: Int], on id: ConnectionID, _ change: Int) {
        let count = counts[id, default: 0] + change
        counts[id] = count > 0 ? count : nil
    }
}
