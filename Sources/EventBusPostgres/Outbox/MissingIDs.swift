// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

/// The ids that the reader of an outbox has passed without seeing a row.
///
/// Ids are given out when rows are inserted, and rows become visible when their transaction commits. So the row of a missing id may
/// still come, or its transaction was rolled back and it never will. It never will when all transactions that may own it have ended
/// and it is still not there.
///
/// If there are very many gaps, neighbours become one, with the ids between them, which have been seen: none is ever left out.
struct MissingIDs: Sendable, Equatable {
    private struct Gap: Sendable, Equatable {
        var ids: ClosedRange<OutboxRow.ID>
        var since: Duration
        /// The owner's transaction id is smaller; `nil` as long as it may not have got one.
        var horizon: UInt64?
        /// Whether some of the ids have been seen.
        var isJoined = false
    }

    /// In ascending order.
    private var gaps: [Gap] = []
    private let maximum: Int

    /// Between taking an id for its row and one for itself, a transaction executes a few instructions.
    private static let grace: Duration = .seconds(1)

    /// - Parameter maximum: the number of gaps that are kept apart, at least 1.
    init(maximum: Int) { self.maximum = maximum }

    var ranges: [ClosedRange<OutboxRow.ID>] { self.gaps.map(\.ids) }

    /// The ranges that contain ids which have been seen.
    var joined: [ClosedRange<OutboxRow.ID>] { self.gaps.filter(\.isJoined).map(\.ids) }

    /// Remembers ids, all greater than those before.
    mutating func add(_ ids: ClosedRange<OutboxRow.ID>, now: Duration) {
        self.gaps.append(Gap(ids: ids, since: now))
        self.join()
    }

    /// Forgets an id that has been seen.
    mutating func remove(_ id: OutboxRow.ID) {
        guard let index = self.gaps.firstIndex(where: { $0.ids.contains(id) }) else { return }
        let gap = self.gaps.remove(at: index)
        for (first, last) in [(id + 1, gap.ids.upperBound), (gap.ids.lowerBound, id - 1)] where first <= last {
            var part = gap
            part.ids = first...last
            self.gaps.insert(part, at: index)
        }
        self.join()
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
        guard snapshot.isComplete else { return }
        for index in self.gaps.indices
        where self.gaps[index].horizon == nil && now - self.gaps[index].since >= Self.grace {
            self.gaps[index].horizon = snapshot.next
        }
    }

    /// Joins the two gaps with the fewest ids between them, if there are too many.
    private mutating func join() {
        guard self.gaps.count > self.maximum else { return }
        var (nearest, distance) = (0, OutboxRow.ID.max)
        for index in self.gaps.indices.dropLast() {
            let between = self.gaps[index + 1].ids.lowerBound - self.gaps[index].ids.upperBound
            if between < distance { (nearest, distance) = (index, between) }
        }
        let later = self.gaps.remove(at: nearest + 1)
        let earlier = self.gaps[nearest]
        self.gaps[nearest] = Gap(
            ids: earlier.ids.lowerBound...later.ids.upperBound,
            since: max(earlier.since, later.since),
            // Whatever may own an id of either.
            horizon: earlier.horizon.flatMap { first in later.horizon.map { max(first, $0) } },
            isJoined: true
        )
    }
}
