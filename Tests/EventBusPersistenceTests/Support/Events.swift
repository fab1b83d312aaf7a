// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// An event that needs no subscriber.
struct Noted: Event {
    static let topic: Topic = "test.noted"
    static let requiresSubscriber = false

    let label: String
    var key: String?

    var orderingKey: String? { self.key }
}

/// An event that requires a subscriber.
struct Asked: Event {
    static let topic: Topic = "test.asked"

    let label: String
    var key: String?

    var orderingKey: String? { self.key }
}

/// An entity that a handler writes.
struct Answer: Entity, Equatable {
    static let byLabel = UniqueKey<Answer>("answers_label_key", on: "label")
    static let schema = EntitySchema<Answer>(
        table: "answers",
        columns: [.uuid("id"), .text("label")],
        uniqueKeys: [byLabel]
    )

    let id: Identifier
    let label: String

    init(_ label: String) {
        self.id = Stamp.next().id
        self.label = label
    }
}

extension Message {
    /// The label of an event of these tests.
    var label: String { (try? self.decode(Noted.self).label) ?? (try? self.decode(Asked.self).label) ?? "?" }
}
