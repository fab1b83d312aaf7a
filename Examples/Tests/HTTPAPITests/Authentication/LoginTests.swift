// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusPersistence
import EventBusUsers
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import HTTPAPI

@Suite("Logins over HTTP", .timeLimit(.minutes(1)))
struct LoginTests {
    private let store = InMemoryStore()
    private let issuer = TokenIssuer(.generated(), rules: TokenRules())

    /// Registration, logins and accounts in one service.
    private func router(hasher: any PasswordHasher = LengthHasher()) -> Router<BasicRequestContext> {
        let users = Users(store: self.store, hasher: hasher)
        return Router(
            named: "test",
            serving: RegistrationAPI(users).endpoints + LoginAPI(users, issuer: self.issuer).endpoints
                + AccountAPI(Payments(store: self.store), authenticator: self.issuer.authenticator).endpoints
        )
    }

    private static func body(_ username: String, _ password: String = "correct horse") -> String {
        #"{"username":"\#(username)","password":"\#(password)"}"#
    }

    private func register(_ username: String) async throws -> String {
        let body = #"{"username":"\#(username)","email":"\#(username)@example.org","password":"correct horse"}"#
        let answer = try await self.router().answer(.post, "/api/users/register/", json: body, authorization: nil)
        #expect(answer.status == 201)
        return try #require(answer.json["id"] as? String)
    }

    @Test(
        "a login is answered with a token that says who it is",
        arguments: ["", "/"],
        ["ada", "ADA", "ada@example.org"]
    )
    func login(_ slash: String, _ name: String) async throws {
        let id = try await self.register("ada")
        let path = "/api/users/login" + slash
        let answer = try await self.router().answer(.post, path, json: Self.body(name), authorization: nil)
        #expect(answer.status == 200)
        #expect(answer.headers[.cacheControl] == "no-store")
        #expect(Set(answer.json.keys) == ["access_token", "token_type", "expires_in"])
        #expect(answer.json["token_type"] as? String == "Bearer")
        #expect(answer.json["expires_in"] as? Int == 900)
        let token = try #require(answer.json["access_token"] as? String)
        #expect(token.utf8.count < 600)

        let me = try await self.router().answer(.get, "/api/users/me" + slash, authorization: "Bearer \(token)")
        #expect(me.status == 200)
        #expect(me.headers[.cacheControl] == "no-store")
        #expect(Set(me.json.keys) == ["id", "username", "email", "created_at"])
        #expect(me.json["id"] as? String == id)
        #expect(me.json["username"] as? String == "ada")
    }

    @Test("the claims are those of RFC 7519, and no personal data")
    func claims() async throws {
        let user = Stamp.next().id
        let now = Date(timeIntervalSince1970: 1_767_225_600.75)
        let issuer = TokenIssuer(
            .generated(),
            rules: TokenRules(issuer: "i", audience: "a"),
            lifetime: 60,
            now: { now }
        )
        let parts = try await issuer.token(for: user).split(separator: ".").prefix(2).map { part in
            let text = part.replacing("-", with: "+").replacing("_", with: "/")
            let data = Data(base64Encoded: text + String(repeating: "=", count: (4 - text.count % 4) % 4))
            return try data.flatMap { try JSONSerialization.jsonObject(with: $0) as? [String: Any] }
        }
        let head = try #require(parts[0])
        #expect(head as? [String: String] == ["alg": "EdDSA", "typ": "JWT", "kid": issuer.keys.current.id])
        let claims = try #require(parts[1])
        #expect(Set(claims.keys) == ["iss", "aud", "sub", "iat", "exp", "jti"])
        #expect(claims["iss"] as? String == "i")
        #expect(claims["aud"] as? String == "a")
        #expect(claims["sub"] as? String == user.description)
        #expect(claims["iat"] as? Int == 1_767_225_600)
        #expect(claims["exp"] as? Int == 1_767_225_660)
        let ids = [try await issuer.token(for: user), try await issuer.token(for: user)]
        #expect(ids[0] != ids[1])
    }

    @Test(
        "a wrong password and an unknown name have the same answer",
        arguments: ["grace", "", "ada' --", "a\\u0000b"]
    )
    func wrong(_ name: String) async throws {
        _ = try await self.register("ada")
        let wrong = try await self.router()
            .answer(.post, "/api/users/login/", json: Self.body("ada", "wrong password"), authorization: nil)
        let unknown = try await self.router().answer(
            .post,
            "/api/users/login/",
            json: Self.body(name),
            authorization: nil
        )
        #expect(wrong.status == 401)
        #expect(wrong.text == unknown.text && wrong.status == unknown.status)
        for answer in [wrong, unknown] { #expect(answer.headers[.wwwAuthenticate] == #"Bearer realm="api""#) }
        #expect(wrong.headers[.contentType] == "application/problem+json")
    }

    @Test(
        "a body that is no login is 400 and names what is wrong",
        arguments: [
            ("{}", ["username", "password"]), (#"{"username":"ada"}"#, ["password"]),
            (#"{"username":1,"password":[]}"#, ["username", "password"]),
            ("[]", []), ("hello", []),
        ]
    )
    func malformed(_ body: String, _ fields: [String]) async throws {
        let answer = try await self.router().answer(.post, "/api/users/login/", json: body, authorization: nil)
        #expect(answer.status == 400)
        #expect(answer.faultyFields == fields)
    }

    @Test("an overloaded hasher is 503 with Retry-After")
    func overloaded() async throws {
        let router = self.router(hasher: FailingHasher(error: HasherOverloaded()))
        let answer = try await router.answer(.post, "/api/users/login/", json: Self.body("ada"), authorization: nil)
        #expect(answer.status == 503)
        #expect(answer.headers[.retryAfter] == "1")
    }

    @Test("a token of a user who is not there is 401")
    func unknownUser() async throws {
        let token = try await self.issuer.token(for: Stamp.next().id)
        let answer = try await self.router().answer(.get, "/api/users/me", authorization: "Bearer \(token)")
        #expect(answer.status == 401)
        #expect(answer.headers[.wwwAuthenticate]?.contains(TokenError.unknownUser.rawValue) == true)
    }

    @Test("the public keys are a JWK set that verifies, and hold nothing private")
    func keys() async throws {
        let answer = try await self.router().answer(.get, "/.well-known/jwks.json", authorization: nil)
        #expect(answer.status == 200)
        #expect(answer.headers[.cacheControl] == "public, max-age=300")
        let keys = try #require(answer.json["keys"] as? [[String: String]])
        #expect(keys.count == 1)
        #expect(Set(keys[0].keys) == ["kty", "crv", "alg", "kid", "x"])
        let token = try await self.issuer.token(for: TokenForge.user)
        let authenticator = Authenticator(
            try VerificationKeys(json: Array(answer.text.utf8)),
            rules: TokenRules()
        )
        #expect(try await authenticator.user(of: .with(authorization: "Bearer \(token)")) == TokenForge.user)
    }

    // MARK: Accounts

    @Test("everybody sees only the own account")
    func accounts() async throws {
        let owner = Stamp.next().id
        let account = try PaymentAccount.sample(owner: owner)
        let repository = self.store.repository(for: PaymentAccount.self)
        try await self.store.transaction { try repository.insert(account, in: $0) }
        let own = "Bearer " + (try await self.issuer.token(for: owner))
        let others = "Bearer " + (try await self.issuer.token(for: Stamp.next().id))

        for (path, credentials, status) in [
            ("/api/accounts/me", own, 200), ("/api/accounts/\(owner)", own, 200), ("/api/accounts/me/", own, 200),
            ("/api/accounts/me", others, 404), ("/api/accounts/\(owner)", others, 403),
            ("/api/accounts/\(Stamp.next().id)", own, 403), ("/api/accounts/nobody", own, 403),
            ("/api/accounts/me", nil, 401), ("/api/accounts/\(owner)", nil, 401), ("/api/accounts/nobody", nil, 401),
        ] as [(String, String?, Int)] {
            let answer = try await self.router().answer(.get, path, authorization: credentials)
            #expect(answer.status == status, "\(path)")
            if status == 200 { #expect(answer.json["id"] as? String == account.id.description) }
            #expect((answer.headers[.wwwAuthenticate] != nil) == (status == 401))
        }
    }

    @Test("where nobody can log in there is no account of one's own")
    func open() async throws {
        let answer = try await Router.api().answer(.get, "/api/accounts/me")
        #expect(answer.status == 404)
    }
}

/// A hasher that costs nothing and knows passwords by their lengths.
private struct LengthHasher: PasswordHasher {
    func hash(_ password: String) async throws -> String { "$length$\(password.utf8.count)" }
    func verify(_ password: String, against hash: String) async throws -> Bool { try await self.hash(password) == hash }
}
