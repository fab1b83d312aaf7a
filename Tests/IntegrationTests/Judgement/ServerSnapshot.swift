// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation

/// What the servers hold when a run has come to its end, before anybody has judged it.
struct ServerSnapshot: Sendable {
    /// An event that was seen outside the services: on the bus, or in an outbox.
    struct Seen: Sendable, Hashable {
        let id: String
        let topic: Topic
        let key: String?
        let time: Date
        /// The user whom it is about, if its body says so.
        let user: String?
        /// The account that it is about, if its body says so.
        var account: String?
    }

    /// A row of a table of users.
    struct UserRow: Sendable, Hashable {
        let id: String
        let time: Date
    }

    /// A row of a table of accounts.
    struct AccountRow: Sendable, Hashable {
        let id: String
        let owner: String
        let time: Date
    }

    /// A row of an inbox.
    struct InboxRow: Sendable, Hashable {
        let consumer: SubscriptionName
        let message: String
        let time: Date
    }

    /// The users; `nil` when only foreign programs publish, whose every message stands for itself.
    var users: [UserRow]?
    /// The ids of the users who were told that they are registered.
    var registered: Set<String> = []
    /// Events as they came: more than once if they were published or delivered more than once.
    var seen: [Seen] = []
    var inbox: [InboxRow] = []
    var accounts: [AccountRow] = []
    var deadLetters: [DeadLetter] = []
    /// Work that a run at its end should not have left behind, in words.
    var leftovers: [String] = []
}

extension ServerSnapshot.Seen {
    private struct Body: Decodable {
        let user_id: String?
        let account_id: String?
    }

    init(_ message: Message) {
        let body = try? JSONDecoder().decode(Body.self, from: Data(message.body))
        self.init(
            id: message.id,
            topic: message.topic,
            key: message.orderingKey,
            time: message.time,
            user: body?.user_id,
            account: body?.account_id
        )
    }
}
