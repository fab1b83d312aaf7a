// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus

/// The outbox rows of an in-memory store, in the order of the commits.
struct OutboxTable: Sendable {
    private var rows: Deque<OutboxRow> = []
    private var lastID: OutboxRow.ID = 0

    var count: Int { self.rows.count }
    var oldest: Message? { self.rows.first?.message }

    mutating func append(_ message: Message) {
        self.lastID += 1
        self.rows.append(OutboxRow(id: self.lastID, message: message))
    }

    mutating func remove(_ ids: [OutboxRow.ID]) {
        for id in ids {
            // The rows to remove are near the front.
            if let index = self.rows.firstIndex(where: { $0.id == id }) { self.rows.remove(at: index) }
        }
    }

    /// The next rows to publish: of the rows with the same ordering key only the oldest.
    func next(limit: Int, except held: HeldRows) -> [OutboxRow] {
        var keys: Set<ExactText> = []
        var next: [OutboxRow] = []
        for row in self.rows {
            if next.count >= limit { break }
            if let key = row.message.orderingKey, !keys.insert(ExactText(key)).inserted { continue }
            if held.topics.contains(row.message.topic) || held.rows.contains(row.id) { continue }
            next.append(row)
        }
        return next
    }
}
