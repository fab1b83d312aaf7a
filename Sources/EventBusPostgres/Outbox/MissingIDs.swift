// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

/// The ids that the reader of an outbox has passed without seeing a row.
///
/// Ids are given out when rows are inserted, and rows become visible when their transaction commits. So the row of a missing id may
/// still come, or its transaction was rolled back and it never will. It never will when all transactions that may own it have ended
/// and it is still not there.
struct MissingIDs: Sendable, Equatable {
    private struct Gap: Sendable, Equatable {
        var ids: ClosedRange<OutboxRow.ID>
        let since: Duration
        /// The owner's transaction id is smaller; `nil` as long as it may not have got one.
        var horizon: UInt64?
    }

    /// In ascending order.
    private var gaps: [Gap] = []

    /// Between taking an id for its row and one for itself, a transaction executes a few instructions.
    private static let grace: Duration = .seconds(1)
    /// Beyond this number, the oldest are left to the next pass over the whole outbox.
    private static let maximum = 1000

    var ranges: [ClosedRange<OutboxRow.ID>] { self.gaps.map(\.ids) }

    /// Remembers ids, all greater than those before.
    mutating func add(_ ids: ClosedRange<OutboxRow.ID>, now: Duration) {
        self.gaps.append(Gap(ids: ids, since: now))
        if self.gaps.count > Self.maximum { self.gaps.removeFirst() }
    }

    /// Forgets an id that has been seen.
    mutating func remove(_ id: OutboxRow.ID) {
        guard let index = self.gaps.firstIndex(where: { $0.ids.contains(id) }) else { return }
        let gap = self.gaps.remove(at: index)
        for (first, last) in [(id + 1, gap.ids.upperBound), (gap.ids.lowerBound, id - 1)] where first <= last {
            self.gaps.insert(Gap(ids: first...last, since: gap.since, horizon: gap.horizon), at: index)
        }
    }

    /// Forgets the ids whose rows would have been seen by a read that began after `earlier`.
    ///
    /// - Parameter last: the read has seen all rows up to this id.
    mutating func settle(through last: OutboxRow.ID, after earlier: TransactionSnapshot) {
        self.gaps.removeAll { gap in
            guard let horizon = gap.horizon else { return false }
            return horizon <= earlier.oldestRunning && gap.ids.upperBound <= last
        }
    }

    /// Notes which transactions may own what is missing.
    mutating func bound(by snapshot: TransactionSnapshot, now: Duration) {
        for index in self.gaps.indices
        where self.gaps[index].horizon == nil && now - self.gaps[index].since >= Self.grace {
            self.gaps[index].horizon = snapshot.next
        }
    }
}
