// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// An effect that is not idempotent: a consumer that handles a message twice leaves two lines.
struct Line: Entity {
    /// For lines that may exist only once, to provoke a conflict.
    static let byMark = UniqueKey<Line>("lines_mark_key", on: "mark")

    static let schema = EntitySchema<Line>(
        table: "lines",
        columns: [.uuid("id"), .text("consumer"), .text("message"), .text("mark")],
        uniqueKeys: [byMark]
    )

    let id: Identifier
    let consumer: String
    let message: String
    let mark: String?

    init(consumer: String, message: String, mark: String? = nil) {
        self.id = Stamp.next().id
        self.consumer = consumer
        self.message = message
        self.mark = mark
    }
}
