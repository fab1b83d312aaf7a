// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Something was written on a page; entries of one page stay in order.
struct EntryWritten: Event {
    static let topic: Topic = "journal.entry.written"

    let page: String
    let text: String

    var orderingKey: String? { self.page }
}

/// What a program that does not use this package publishes.
struct NoteTaken: Event {
    static let topic: Topic = "foreign.note.taken"

    let text: String
}

/// The part of `payment.account.opened` that the journal reads.
struct AccountOpened: Event {
    static let topic: Topic = "payment.account.opened"
    static let requiresSubscriber = false

    let userID: Identifier

    var orderingKey: String? { self.userID.description }

    enum CodingKeys: String, CodingKey {
        case userID = "user_id"
    }
}
