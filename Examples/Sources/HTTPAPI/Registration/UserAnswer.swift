// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusUsers

/// A user as an answer shows it: without the password.
struct UserAnswer: Encodable {
    let id: Identifier
    let username: String
    let email: String
    let createdAt: String

    init(_ user: User) {
        self.id = user.id
        self.username = user.username
        self.email = user.email
        self.createdAt = JSON.text(of: user.createdAt)
    }

    enum CodingKeys: String, CodingKey {
        case id, username, email
        case createdAt = "created_at"
    }
}

extension UserAnswer {
    static let schema = Schema.named(
        "User",
        .object([
            Schema.Field("id", .uuid),
            Schema.Field("username", .string()),
            Schema.Field("email", .string()),
            Schema.Field("created_at", .time),
        ])
    )
}
