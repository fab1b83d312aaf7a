// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBusUsers
import Hummingbird

/// Registration over HTTP: `POST /api/users/register/`.
public struct RegistrationAPI: Sendable {
    /// The path of the one endpoint; it is the same without the last slash.
    public static let path = "/api/users/register/"

    private let users: Users
    private let limits: RequestLimits?

    /// Creates the API of the module.
    ///
    /// - Parameters:
    ///   - users: the module.
    ///   - limits: how often somebody may try.
    public init(_ users: Users, limits: RequestLimits? = nil) {
        self.users = users
        self.limits = limits
    }

    /// `201` with the new user, without the password; the same answer for each further attempt with one `Idempotency-Key`.
    public var endpoints: [Endpoint] {
        [
            Endpoint(.post, Self.path, Self.register) { request, _ in
                try self.limits?.admit(request)
                let key = try request.idempotencyKey()
                let form = try await request.json(RegistrationForm.self)
                try self.limits?.admit(name: form.registration.username)
                let user =
                    if let key {
                        try await self.users.register(form.registration, key: key)
                    } else {
                        try await self.users.register(form.registration)
                    }
                return JSON.response(.created, UserAnswer(user))
            }
        ]
    }
}
