// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
public import EventBusUsers
import HTTPTypes
import Hummingbird
import JWTKit

/// Logins over HTTP: `POST /api/users/login/`, `GET /api/users/me`, and the keys for other services at
/// `GET /.well-known/jwks.json`.
public struct LoginAPI: Sendable {
    /// The path of logins; it is the same without the last slash.
    public static let loginPath = "/api/users/login/"
    /// The path of the user whose token it is.
    public static let userPath = "/api/users/me"
    /// The path of the public keys (RFC 7517 §5).
    public static let keysPath = "/.well-known/jwks.json"

    private let users: Users
    private let issuer: TokenIssuer
    private let limits: RequestLimits?

    /// Creates the API of the module.
    ///
    /// - Parameters:
    ///   - users: the module.
    ///   - issuer: issues the tokens.
    ///   - limits: how often somebody may try.
    public init(_ users: Users, issuer: TokenIssuer, limits: RequestLimits? = nil) {
        self.users = users
        self.issuer = issuer
        self.limits = limits
    }

    /// The three endpoints.
    public var endpoints: [Endpoint] {
        [
            Endpoint(.post, Self.loginPath, Self.login) { request, _ in
                try self.limits?.admit(request)
                let form = try await request.json(LoginForm.self)
                try self.limits?.admit(name: form.username)
                return try await self.logIn(form)
            },
            Endpoint(.get, Self.userPath, Self.user) { request, _ in
                let id = try await self.issuer.authenticator.user(of: request)
                guard let user = try await self.users.user(id) else { throw Problem.unauthorized(.unknownUser) }
                return JSON.response(.ok, UserAnswer(user), headers: Self.noStore)
            },
            Endpoint(.get, Self.keysPath, Self.keys) { _, _ in
                // Short enough that a key which is added a day before it signs is known everywhere.
                let headers: HTTPFields = [.cacheControl: "public, max-age=300"]
                return JSON.response(.ok, self.issuer.keys.verificationKeys.document, headers: headers)
            },
        ]
    }

    private static let noStore: HTTPFields = [.cacheControl: "no-store"]

    private func logIn(_ form: LoginForm) async throws -> Response {
        do {
            let user = try await self.users.authenticate(form.username, password: form.password)
            let token = try await self.issuer.token(for: user.id)
            let answer = LoginAnswer(accessToken: token, expiresIn: self.issuer.lifetime)
            return JSON.response(.ok, answer, headers: Self.noStore)
        } catch is AuthenticationError {
            throw Problem.wrongCredentials
        }
    }

    /// The fields of RFC 6749 §5.1.
    private struct LoginAnswer: Encodable {
        let accessToken: String
        let tokenType = "Bearer"
        let expiresIn: Int

        enum CodingKeys: String, CodingKey {
            case accessToken = "access_token"
            case tokenType = "token_type"
            case expiresIn = "expires_in"
        }
    }
}
