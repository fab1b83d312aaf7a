// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusUsers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A row as large as one of the user module's, in a table with the same indexes.
struct Account: Entity {
    static let byUsername = UniqueKey<Account>("users_username_key", on: "username", ignoringCase: true)
    static let byEmail = UniqueKey<Account>("users_email_key", on: "email", ignoringCase: true)

    static let schema = EntitySchema<Account>(
        table: "users",
        columns: [.uuid("id"), .text("username"), .text("email"), .text("password_hash"), .timestamp("created_at")],
        uniqueKeys: [byUsername, byEmail]
    )

    static let migrations = Users.migrations

    let id: Identifier
    let username: String
    let email: String
    let passwordHash: String
    let createdAt: Date

    enum CodingKeys: String, CodingKey {
        case id, username, email
        case passwordHash = "password_hash"
        case createdAt = "created_at"
    }

    /// A row that no other call has made.
    init() {
        let stamp = Stamp.next()
        self.id = stamp.id
        self.username = "u-\(stamp.id)"
        self.email = "u-\(stamp.id)@example.org"
        self.passwordHash = "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
        self.createdAt = stamp.time
    }
}

/// What is published with it.
struct AccountCreated: Event {
    static let topic: Topic = "bench.created"
    static let requiresSubscriber = false

    let userID: Identifier
    let username: String
    let email: String
    let createdAt: Date

    var orderingKey: String? { self.userID.description }

    init(_ account: Account) {
        self.userID = account.id
        self.username = account.username
        self.email = account.email
        self.createdAt = account.createdAt
    }
}
