// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// What a row of the outbox waits for; all rows that wait for the same are in one lane.
///
/// Written into the row's column `waits_for`, so that the relay reads on without them, and finds them again when their time has come.
enum Lane: Hashable, Sendable {
    /// A topic without a subscriber: its rows, and later rows of their ordering keys.
    case topic(ExactText)
    /// A row that the bus has refused, or the last of its ordering key for which there was room; and later rows of its key.
    case row(OutboxRow.ID)
    /// What this version does not know, and therefore tries at once.
    case other(ExactText)

    init(_ topic: Topic) { self = .topic(ExactText(topic.name)) }

    init(text: String) {
        if let id = text.behind("row ").flatMap({ OutboxRow.ID($0) }), text == "row \(id)" {
            self = .row(id)
        } else if let name = text.behind("topic ") {
            self = .topic(ExactText(String(name)))
        } else {
            self = .other(ExactText(text))
        }
    }

    var text: String {
        switch self {
        case .topic(let name): "topic \(name.text)"
        case .row(let id): "row \(id)"
        case .other(let text): text.text
        }
    }

    /// Why a row must not be published now; `nil` if it may be.
    init?(holding row: OutboxRow, in held: HeldRows) {
        if held.rows.contains(row.id) {
            self = .row(row.id)
        } else if held.topics.contains(row.message.topic) {
            self.init(row.message.topic)
        } else {
            return nil
        }
    }

    func isHeld(in held: HeldRows) -> Bool {
        switch self {
        case .topic(let name): held.topics.contains(Topic(foreign: name.text))
        case .row(let id): held.rows.contains(id)
        case .other: false
        }
    }
}

extension String {
    /// What follows a prefix; `nil` if the text has another one.
    fileprivate func behind(_ prefix: String) -> Substring? {
        self.hasPrefix(prefix) ? self.dropFirst(prefix.count) : nil
    }
}
