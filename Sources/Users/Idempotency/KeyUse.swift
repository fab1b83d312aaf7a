// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Which user was registered with an idempotency key.
///
/// A row is written by the transaction that stores the user, and by no other one: there is nothing that an attempt which has failed
/// or was cancelled could leave behind. Nor does it hold anything of the request: what was asked for is what the user has become.
struct KeyUse: Entity {
    /// Each key was used once.
    static let byKey = UniqueKey<KeyUse>("registration_keys_key", on: "key")

    static let schema = EntitySchema<KeyUse>(
        table: "registration_keys",
        columns: [.uuid("id"), .text("key"), .uuid("user_id"), .timestamp("used_at"), .int("version")],
        uniqueKeys: [byKey],
        versionColumn: "version"
    )

    let id: Identifier
    let key: String
    let userID: Identifier
    let usedAt: Date
    /// Counts the registrations with this key; of two attempts to use an old one again, one wins.
    let version: Int64

    enum CodingKeys: String, CodingKey {
        case id, key, version
        case userID = "user_id"
        case usedAt = "used_at"
    }
}

extension KeyUse {
    /// The first use of a key, by a user who registers now.
    init(_ key: IdempotencyKey, by user: User, id: Identifier) {
        self.init(id: id, key: key.text, userID: user.id, usedAt: user.createdAt, version: 1)
    }

    /// The same key for another user, when it has been forgotten.
    func again(by user: User) -> KeyUse {
        KeyUse(id: self.id, key: self.key, userID: user.id, usedAt: user.createdAt, version: self.version)
    }

    /// Whether the key still means this registration.
    func isRemembered(at time: Date) -> Bool {
        time.timeIntervalSince(self.usedAt) < IdempotencyKey.lifetime / .seconds(1)
    }
}
