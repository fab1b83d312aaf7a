// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
public import EventBusUsers
import Hummingbird

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Registration over HTTP: `POST /api/users/register/`.
public struct RegistrationAPI: Sendable {
    /// The path of the one endpoint; it is the same without the last slash.
    public static let path = "/api/users/register/"

    private let users: Users

    /// Creates the API of the module.
    public init(_ users: Users) {
        self.users = users
    }

    /// `201` with the new user, without the password.
    public var endpoints: [Endpoint] {
        [
            Endpoint(.post, Self.path, Self.register) { request, _ in
                let form = try await request.json(RegistrationForm.self)
                let user = try await self.users.register(form.registration)
                return JSON.response(.created, Answer(user))
            }
        ]
    }

    private struct Answer: Encodable {
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
}
