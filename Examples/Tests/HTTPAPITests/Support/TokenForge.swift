// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import EventBus
import Foundation

@testable import HTTPAPI

/// Makes tokens of every kind, most of which nobody should accept.
struct TokenForge {
    static let now = Date(timeIntervalSince1970: 1_767_225_600)
    static let user = Stamp.next().id

    let key = Curve25519.Signing.PrivateKey()
    let rules = TokenRules(issuer: "https://users.example.org", audience: "payments")

    var publicKeys: VerificationKeys { [("first", self.key)].verificationKeys }

    /// The claims of a good token, with some of them changed; `nil` leaves one out.
    func claims(_ changes: [String: Any?] = [:]) -> [String: Any] {
        let now = Self.now.timeIntervalSince1970
        var claims: [String: Any] = [
            "iss": self.rules.issuer, "aud": self.rules.audience, "sub": Self.user.description, "iat": now,
            "exp": now + 900,
            "jti": "1",
        ]
        for (name, value) in changes { claims[name] = value }
        return claims
    }

    func token(
        head: [String: Any?] = [:],
        claims: [String: Any?] = [:],
        sign: ((Data) throws -> Data)? = nil
    ) throws -> String {
        var fields: [String: Any] = ["alg": "EdDSA", "typ": "JWT", "kid": "first"]
        for (name, value) in head { fields[name] = value }
        return try self.token(
            JSONSerialization.data(withJSONObject: fields),
            JSONSerialization.data(withJSONObject: self.claims(claims)),
            sign: sign
        )
    }

    /// A token of another key, with a further member in its head.
    func token(member value: String) throws -> String {
        let head = #"{"alg":"EdDSA","kid":"first","x":\#(value)}"#
        return try self.token(Data(head.utf8), JSONSerialization.data(withJSONObject: self.claims())) { text in
            try Curve25519.Signing.PrivateKey().signature(for: text)
        }
    }

    func token(_ head: Data, _ claims: Data, sign: ((Data) throws -> Data)? = nil) throws -> String {
        let text = Base64URL.text(of: head) + "." + Base64URL.text(of: claims)
        let signature = try sign?(Data(text.utf8)) ?? self.key.signature(for: Data(text.utf8))
        return text + "." + Base64URL.text(of: signature)
    }
}

extension [(String, Curve25519.Signing.PrivateKey)] {
    /// The JWK set, as another service would write it.
    var keySet: Data {
        let keys = self.map { id, key in
            ["kty": "OKP", "crv": "Ed25519", "kid": id, "x": Base64URL.text(of: key.publicKey.rawRepresentation)]
        }
        return (try? JSONSerialization.data(withJSONObject: ["keys": keys])) ?? Data()
    }

    var verificationKeys: VerificationKeys {
        guard let keys = try? VerificationKeys(json: self.keySet) else { fatalError("no keys") }
        return keys
    }
}
