// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import Foundation
import JWTKit
import Testing

@testable import HTTPAPI

/// Keys as operators configure and services publish them.
@Suite("Keys")
struct KeyTests {
    /// RFC 8037 appendix A: a private key, its public key and its thumbprint.
    private static let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    private static let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    private static let thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

    /// The seed of the RFC in PKCS #8, as openssl would write it.
    private static var pem: String {
        let bytes = stride(from: 0, to: seed.count, by: 2).map { offset in
            let start = seed.index(seed.startIndex, offsetBy: offset)
            return UInt8(seed[start...].prefix(2), radix: 16) ?? 0
        }
        let head: [UInt8] = [0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20]
        return Self.pem("PRIVATE KEY", Data(head + bytes))
    }

    private static func pem(_ name: String, _ bytes: Data) -> String {
        "-----BEGIN \(name)-----\n\(bytes.base64EncodedString())\n-----END \(name)-----\n"
    }

    private static func other() -> String {
        EdDSA.PrivateKey(backing: Curve25519.Signing.PrivateKey()).pemRepresentation
    }

    @Test("the example of RFC 8037 has the id that the RFC says")
    func thumbprint() throws {
        let keys = try SigningKeys(pem: Self.pem)
        #expect(keys.current.id == Self.thumbprint)
        #expect(keys.verificationKeys.document.keys.map(\.x) == [Self.x])
    }

    @Test("the first of two keys signs, both verify")
    func rotation() async throws {
        let old = try SigningKeys(pem: Self.pem)
        let both = try SigningKeys(pem: "\n" + Self.other() + "\r\n# the old one\n" + Self.pem)
        #expect(both.current.id != old.current.id)
        #expect(both.verificationKeys.contains(old.current.id))
        #expect(both.verificationKeys.contains(both.current.id))

        let token = try await TokenIssuer(old, rules: TokenRules()).token(for: TokenForge.user)
        let next = TokenIssuer(both, rules: TokenRules())
        #expect(try await next.authenticator.user(of: .with(authorization: "Bearer \(token)")) == TokenForge.user)
        let head = try PresentedToken(try await next.token(for: TokenForge.user))
        #expect(head.keyID == both.current.id)
    }

    @Test("texts without one or two different private keys of Ed25519 are refused")
    func unusable() throws {
        let other = Self.other()
        let p256 = P256.Signing.PrivateKey().pemRepresentation
        let cases: [(String, SigningKeysError)] = [
            ("hello", .count(0)), ("-----BEGIN PRIVATE KEY-----\nMC4CAQ", .count(0)),
            (Self.pem + Self.pem, .same), (Self.pem + other + other, .count(3)), (p256, .unusable(1)),
            (Self.pem + p256, .unusable(2)),
            (Self.pem("PRIVATE KEY", Data([1, 2, 3])), .unusable(1)),
            (Curve25519.Signing.PrivateKey().publicKey.rawRepresentation.base64EncodedString(), .count(0)),
        ]
        for (text, expected) in cases {
            let error = #expect(throws: SigningKeysError.self) { try SigningKeys(pem: text) }
            #expect(error == expected)
        }
    }

    @Test("keys come from a variable or from a file, and errors hold nothing of them")
    func settings() throws {
        #expect(try SigningKeys(SettingsTests.settings([:])) == nil)
        let key = try SigningKeys(SettingsTests.settings(["AUTH_KEYS": Self.pem]))
        #expect(key?.current.id == Self.thumbprint)

        let file = FileManager.default.temporaryDirectory.appending(path: "auth-keys-\(UUID())")
        try Self.pem.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let fromFile = try SigningKeys(SettingsTests.settings(["AUTH_KEYS_FILE": file.path()]))
        #expect(fromFile?.current.id == Self.thumbprint)

        for variables in [["AUTH_KEYS": "hunter2"], ["AUTH_KEYS": ""], ["AUTH_KEYS_FILE": "/nowhere/hunter2"]] {
            let error = #expect(throws: ConfigurationError.self) { try SigningKeys(SettingsTests.settings(variables)) }
            #expect(error?.variable == variables.keys.first)
            #expect(error?.description.contains("hunter2") == false)
        }
        let both = ["AUTH_KEYS": Self.pem, "AUTH_KEYS_FILE": file.path()]
        let error = #expect(throws: ConfigurationError.self) { try SigningKeys(SettingsTests.settings(both)) }
        #expect(error?.description == "AUTH_KEYS, AUTH_KEYS_FILE are both set: keep one of them")
    }

    @Test("of a JWK set what can be used is taken")
    func keySet() throws {
        let json = """
            {"keys":[
              {"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB","alg":"RS256"},
              {"kty":"oct","kid":"secret","k":"AAAA"},
              {"kty":"EC","crv":"secp256k1","kid":"k1","x":"AA","y":"AA"},
              {"kty":"OKP","crv":"X25519","kid":"x","x":"\(Self.x)"},
              {"kty":"OKP","crv":"Ed25519","x":"\(Self.x)"},
              {"kty":"OKP","crv":"Ed25519","kid":"short","x":"AAAA"},
              {"kty":"OKP","crv":"Ed25519","kid":"good","x":"\(Self.x)","use":"sig","key_ops":["verify"]},
              7, null, "text"
            ],"other":{}}
            """
        let keys = try VerificationKeys(json: Array(json.utf8))
        #expect(keys.document.keys.map(\.keyIdentifier?.string) == ["good"])
    }

    @Test(
        "what is no JWK set is refused",
        arguments: [
            ("", KeySetError.malformed), ("<html>", .malformed), ("{}", .malformed), ("[]", .malformed),
            (#"{"keys":{}}"#, .malformed),
            (#"{"keys":[]}"#, .empty), (#"{"keys":[{"kty":"RSA"}]}"#, .empty),
            (#"{"keys":["# + Array(repeating: "0", count: 17).joined(separator: ",") + "]}", .tooMany(17)),
        ]
    )
    func noKeySet(_ text: String, _ expected: KeySetError) throws {
        let error = #expect(throws: KeySetError.self) { try VerificationKeys(json: Array(text.utf8)) }
        #expect(error == expected)
    }
}
