// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A user has registered.
///
/// The JSON of this event is a contract with other programs.
public struct UserCreated: Event {
    /// `user.created`.
    public static let topic: Topic = "user.created"

    /// The user.
    public let userID: Identifier
    /// The name as the user wrote it.
    public let username: String
    /// The e-mail address as the user wrote it.
    public let email: String
    /// When the user registered.
    public let createdAt: Date

    /// Events about the same user are processed in order.
    public var orderingKey: String? { self.userID.description }

    init(_ user: User) {
        self.userID = user.id
        self.username = user.username
        self.email = user.email
        self.createdAt = user.createdAt
    }

    enum CodingKeys: String, CodingKey {
        case userID = "user_id"
        case username, email
        case createdAt = "created_at"
    }
}
