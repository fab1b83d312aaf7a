// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Rows that are dropped when they have reached an age, each at a constant cost.
struct AgingTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var rows: [Key: (value: Value, time: Date)] = [:]
    /// All writes, oldest first.
    ///
    /// A row that was written again later is not dropped with its first write.
    private var writes: Deque<(key: Key, time: Date)> = []

    var count: Int { self.rows.count }

    subscript(key: Key) -> Value? { self.rows[key]?.value }

    mutating func set(_ key: Key, _ value: Value, at time: Date) {
        self.rows[key] = (value, time)
        self.writes.append((key, time))
    }

    /// Drops the rows that were last written before `time`.
    mutating func drop(before time: Date) {
        while let first = self.writes.first, first.time < time {
            self.writes.removeFirst()
            if let row = self.rows[first.key], row.time < time { self.rows[first.key] = nil }
        }
    }
}
