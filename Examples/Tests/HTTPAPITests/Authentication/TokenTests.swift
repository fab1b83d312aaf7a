// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import EventBus
import EventBusPayments
import EventBusPersistence
import Foundation
import HTTPTypes
import Hummingbird
import Testing

@testable import HTTPAPI

/// Everything that is presented as a token, and the answers to it.
@Suite("Access tokens", .timeLimit(.minutes(1)))
struct TokenTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let error: TokenError
        let token: @Sendable (TokenForge) throws -> String
        var testDescription: String { self.name }

        init(_ name: String, _ error: TokenError, _ token: @escaping @Sendable (TokenForge) throws -> String) {
            self.name = name
            self.error = error
            self.token = token
        }
    }

    private static let now = TokenForge.now.timeIntervalSince1970

    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    static let bad: [Case] = [
        // Algorithms.
        Case("alg none without a signature", .wrongAlgorithm) { forge in
            try forge.token(head: ["alg": "none"]) { _ in Data() }
        },
        Case("alg none in other letters", .wrongAlgorithm) { try $0.token(head: ["alg": "nOnE"]) { _ in Data() } },
        Case("alg none with a good signature", .wrongAlgorithm) { try $0.token(head: ["alg": "none"]) },
        Case("HS256 with the public key as the secret", .wrongAlgorithm) { forge in
            try forge.token(head: ["alg": "HS256"]) { text in
                let secret = SymmetricKey(data: forge.key.publicKey.rawRepresentation)
                return Data(HMAC<SHA256>.authenticationCode(for: text, using: secret))
            }
        },
        Case("EdDSA in the head, an HMAC with the public key behind", .wrongSignature) { forge in
            try forge.token { text in
                let secret = SymmetricKey(data: forge.key.publicKey.rawRepresentation)
                return Data(HMAC<SHA512>.authenticationCode(for: text, using: secret))
            }
        },
        Case("ES256", .wrongAlgorithm) { forge in
            try forge.token(head: ["alg": "ES256"]) {
                try P256.Signing.PrivateKey().signature(for: $0).rawRepresentation
            }
        },
        Case("RS256 with a good signature", .wrongAlgorithm) { try $0.token(head: ["alg": "RS256"]) },
        Case("eddsa in lower case", .wrongAlgorithm) { try $0.token(head: ["alg": "eddsa"]) },
        Case("no alg", .wrongAlgorithm) { try $0.token(head: ["alg": nil]) },
        Case("a number as alg", .wrongAlgorithm) { try $0.token(head: ["alg": 1]) },
        // Keys.
        Case("a foreign key with a known id", .wrongSignature) { forge in
            try forge.token { try Curve25519.Signing.PrivateKey().signature(for: $0) }
        },
        Case("a foreign key with its own id", .unknownKey) { forge in
            try forge.token(head: ["kid": "second"]) { try Curve25519.Signing.PrivateKey().signature(for: $0) }
        },
        Case("an unknown id with a good signature", .unknownKey) { try $0.token(head: ["kid": "second"]) },
        Case("no id", .unknownKey) { try $0.token(head: ["kid": nil]) },
        Case("a path as id", .unknownKey) { try $0.token(head: ["kid": "../../../etc/passwd"]) },
        Case("SQL as id", .unknownKey) { try $0.token(head: ["kid": "' OR 1=1 --"]) },
        Case("an object as id", .unknownKey) { try $0.token(head: ["kid": ["first"]]) },
        Case("a key in the head", .wrongSignature) { forge in
            let own = Curve25519.Signing.PrivateKey()
            let x = Base64URL.text(of: own.publicKey.rawRepresentation)
            return try forge.token(head: ["jwk": ["kty": "OKP", "crv": "Ed25519", "x": x]]) {
                try own.signature(for: $0)
            }
        },
        Case("an extension that has to be understood", .malformed) { try $0.token(head: ["crit": ["exp"]]) },
        // Signatures.
        Case("no signature", .wrongSignature) { try $0.token { _ in Data() } },
        Case("a signature of zeros", .wrongSignature) { try $0.token { _ in Data(repeating: 0, count: 64) } },
        Case("half a signature", .wrongSignature) { forge in
            try forge.token { try forge.key.signature(for: $0).prefix(32) }
        },
        Case("other claims behind the signature", .wrongSignature) { forge in
            let good = try forge.token().split(separator: ".")
            let other = try forge.token(claims: ["sub": Stamp.next().id.description]).split(separator: ".")
            return "\(good[0]).\(other[1]).\(good[2])"
        },
        // Times.
        Case("expired", .expired) { try $0.token(claims: ["exp": now - 10]) },
        Case("expired in 1970", .expired) { try $0.token(claims: ["exp": 0]) },
        Case("expires before all time", .expired) { try $0.token(claims: ["exp": -1e300]) },
        Case("no expiry", .malformed) { try $0.token(claims: ["exp": nil]) },
        Case("an expiry as text", .malformed) { try $0.token(claims: ["exp": "9999999999"]) },
        Case("not valid yet", .notYetValid) { try $0.token(claims: ["nbf": now + 11]) },
        Case("issued in the future", .notYetValid) { try $0.token(claims: ["iat": now + 11]) },
        // For whom.
        Case("another issuer", .wrongIssuer) { try $0.token(claims: ["iss": "https://users.example.com"]) },
        Case("an issuer with another slash", .wrongIssuer) {
            try $0.token(claims: ["iss": "https://users.example.org/"])
        },
        Case("no issuer", .malformed) { try $0.token(claims: ["iss": nil]) },
        Case("another audience", .wrongAudience) { try $0.token(claims: ["aud": "users"]) },
        Case("several other audiences", .wrongAudience) { try $0.token(claims: ["aud": ["users", "Payments"]]) },
        Case("an empty list of audiences", .wrongAudience) { try $0.token(claims: ["aud": [String]()]) },
        Case("no audience", .malformed) { try $0.token(claims: ["aud": nil]) },
        Case("a user that is no id", .unknownUser) { try $0.token(claims: ["sub": "ada"]) },
        Case("no user", .malformed) { try $0.token(claims: ["sub": nil]) },
        // No tokens at all.
        Case("a word", .malformed) { _ in "hello" },
        Case("two dots", .malformed) { _ in ".." },
        Case("two parts", .malformed) { try String($0.token().split(separator: ".").prefix(2).joined(separator: ".")) },
        Case("four parts", .malformed) { try $0.token() + ".x" },
        Case("five parts, as of an encrypted token", .malformed) { _ in "a.b.c.d.e" },
        Case("padding", .malformed) { try "=" + $0.token() },
        Case("a head that is an array", .malformed) { forge in
            try forge.token(Data("[]".utf8), Data("{}".utf8))
        },
        Case("a head that is no JSON", .malformed) { try $0.token(Data([0xFF, 0xFE]), Data("{}".utf8)) },
        Case("claims that are no object", .malformed) { forge in
            try forge.token(Data(#"{"alg":"EdDSA","kid":"first"}"#.utf8), Data("7".utf8))
        },
        Case("claims full of NUL", .malformed) { forge in
            try forge.token(Data(#"{"alg":"EdDSA","kid":"first"}"#.utf8), Data(repeating: 0, count: 100))
        },
        Case("2,000 nested brackets in the head", .malformed) { try $0.token(member: nested(2_000)) },
        Case("500 nested brackets in the head", .malformed) { try $0.token(member: nested(500)) },
        Case("500 nested brackets in the claims", .malformed) { forge in
            try forge.token(Data(#"{"alg":"EdDSA","kid":"first"}"#.utf8), Data(#"{"x":\#(nested(500))}"#.utf8))
        },
        // What has no meaning in a head is ignored, however large.
        Case("a number in the head that is no Int", .wrongSignature) { try $0.token(member: "1e300") },
        Case("the first number that is no Int", .wrongSignature) { try $0.token(member: "9223372036854775807") },
        Case("a negative one in an array", .wrongSignature) { try $0.token(member: "[-1e19]") },
        Case("a number of 3,000 digits in the head", .wrongSignature) { forge in
            try forge.token(member: String(repeating: "9", count: 3_000))
        },
        Case("a number of 3,000 digits", .malformed) { forge in
            let number = String(repeating: "9", count: 3_000)
            return try forge.token(Data(#"{"alg":"EdDSA","kid":"first"}"#.utf8), Data(#"{"exp":\#(number)}"#.utf8))
        },
        Case("8 KiB and a byte", .tooLong) { _ in String(repeating: "a", count: 8 * 1024 + 1) },
        Case("1 MiB that is signed", .tooLong) { forge in
            try forge.token(claims: ["x": String(repeating: "a", count: 1 << 20)])
        },
    ]

    @Test("a bad token is 401 with the reason, and never a 5xx", arguments: bad)
    func isRefused(_ input: Case) async throws {
        let forge = TokenForge()
        let store = InMemoryStore()
        let authenticator = Authenticator(forge.publicKeys, rules: forge.rules, now: { TokenForge.now })
        let router = Router(
            named: "test",
            serving: AccountAPI(Payments(store: store), authenticator: authenticator).endpoints
        )
        let token = try input.token(forge)
        let answer = try await router.answer(.get, "/api/accounts/me", authorization: "Bearer \(token)")
        #expect(answer.status == 401)
        let challenge = try #require(answer.headers[.wwwAuthenticate])
        #expect(challenge.hasPrefix(#"Bearer realm="api", error="invalid_token""#))
        #expect(challenge.contains(input.error.rawValue), "\(challenge)")
        #expect(answer.headers[.contentType] == "application/problem+json")
    }

    @Test(
        "a good token is accepted, also when clocks differ by some seconds",
        arguments: [
            [:], ["nbf": now], ["nbf": now + 9], ["iat": now + 9], ["exp": now - 9], ["exp": now + 0.5], ["jti": nil],
            ["iat": nil],
        ] as [[String: Double?]]
    )
    func good(_ changes: [String: Double?]) async throws {
        let forge = TokenForge()
        let authenticator = Authenticator(forge.publicKeys, rules: forge.rules, now: { TokenForge.now })
        let token = try forge.token(claims: changes.mapValues { $0 })
        let user = try await authenticator.user(of: .with(authorization: "Bearer \(token)"))
        #expect(user == TokenForge.user)
    }

    @Test(
        "one of several audiences is enough, and the scheme has any letter case",
        arguments: ["bearer", "BEARER", "Bearer "]
    )
    func audiences(_ scheme: String) async throws {
        let forge = TokenForge()
        let authenticator = Authenticator(forge.publicKeys, rules: forge.rules, now: { TokenForge.now })
        let token = try forge.token(claims: ["aud": ["users", "payments"]])
        #expect(try await authenticator.user(of: .with(authorization: "\(scheme) \(token)")) == TokenForge.user)
    }

    @Test(
        "other credentials are 401",
        arguments: [
            "", "Bearer", "Bearer ", "Basic YWRhOnNlY3JldA==", "Bearer a b", "Bearer ä", "Token abc", "Bearer,x", "\t",
        ]
    )
    func otherCredentials(_ value: String) async throws {
        let forge = TokenForge()
        let authenticator = Authenticator(forge.publicKeys, rules: forge.rules)
        let problem = await #expect(throws: Problem.self) {
            try await authenticator.user(of: .with(authorization: value))
        }
        #expect(problem?.status == .unauthorized)
    }

    @Test("without credentials the answer says what is needed, and no error")
    func noCredentials() async throws {
        let forge = TokenForge()
        let authenticator = Authenticator(forge.publicKeys, rules: forge.rules)
        let problem = await #expect(throws: Problem.self) {
            try await authenticator.user(of: .with(authorization: nil))
        }
        #expect(problem?.status == .unauthorized)
        #expect(problem?.headers[.wwwAuthenticate] == #"Bearer realm="api""#)
    }
}
