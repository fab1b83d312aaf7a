// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A registered user.
public struct User: Entity {
    /// User names are unique, regardless of letter case.
    public static let byUsername = UniqueKey<User>("users_username_key", on: "username", ignoringCase: true)
    /// E-mail addresses are unique, regardless of letter case.
    public static let byEmail = UniqueKey<User>("users_email_key", on: "email", ignoringCase: true)

    /// The table `users`.
    public static let schema = EntitySchema<User>(
        table: "users",
        columns: [.uuid("id"), .text("username"), .text("email"), .text("password_hash"), .timestamp("created_at")],
        uniqueKeys: [byUsername, byEmail]
    )

    /// Identifies the user permanently.
    public let id: Identifier
    /// The name as the user wrote it.
    public let username: String
    /// The e-mail address as the user wrote it.
    public let email: String
    /// The password's hash in PHC string format; it never leaves the module.
    let passwordHash: String
    /// When the user registered.
    public let createdAt: Date

    /// The same user with another password.
    func with(passwordHash: String) -> User {
        User(
            id: self.id,
            username: self.username,
            email: self.email,
            passwordHash: passwordHash,
            createdAt: self.createdAt
        )
    }

    enum CodingKeys: String, CodingKey {
        case id, username, email
        case passwordHash = "password_hash"
        case createdAt = "created_at"
    }
}

extension User: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The id, without personal data.
    public var description: String { "user \(self.id)" }

    /// The id, without personal data.
    public var debugDescription: String { self.description }

    /// A mirror with only the id, so that no hash reaches a log through `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["id": self.id]) }
}
