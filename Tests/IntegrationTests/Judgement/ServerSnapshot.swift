// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation

/// What the servers hold at the end of a run, not yet judged.
struct ServerSnapshot: Sendable {
    /// An event that was observed outside the services: on the bus or in an outbox.
    struct Seen: Sendable, Hashable {
        let id: EventIdentity
        let topic: Topic
        let key: String?
        let time: Date
        /// The user concerned, if the body contains one.
        let user: String?
        /// The account concerned, if the body contains one.
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
        let event: EventIdentity
        let time: Date
    }

    /// The users; `nil` when only foreign programs publish, whose messages need no user.
    var users: [UserRow]?
    /// The ids of the users whose registration was confirmed.
    var registered: Set<String> = []
    /// Events as they arrived, repeated if they were published or delivered more than once.
    var seen: [Seen] = []
    var inbox: [InboxRow] = []
    var accounts: [AccountRow] = []
    var deadLetters: [DeadLetter] = []
    /// Descriptions of work that should not be left at the end of a run.
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
            id: message.identity,
            topic: message.topic,
            key: message.orderingKey,
            time: message.time,
            user: body?.user_id,
            account: body?.account_id
        )
    }
}
