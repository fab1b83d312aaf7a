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
        columns: [.uuid("id"), .text("consumer"), .text("source"), .text("message"), .text("mark")],
        uniqueKeys: [byMark]
    )

    let id: Identifier
    let consumer: String
    /// Source and id of the event that the line is the effect of.
    let source: String
    let message: String
    let mark: String?

    /// A line that no event has caused.
    init(consumer: String, text: String, mark: String? = nil) {
        self.init(consumer, source: "", text, mark)
    }

    /// The effect of an event.
    init(of event: EventIdentity, by consumer: SubscriptionName) {
        self.init(consumer.description, source: event.source, event.id, nil)
    }

    private init(_ consumer: String, source: String, _ message: String, _ mark: String?) {
        self.id = Stamp.next().id
        self.consumer = consumer
        self.source = source
        self.message = message
        self.mark = mark
    }

    var event: EventIdentity { EventIdentity(source: self.source, id: self.message) }
}
