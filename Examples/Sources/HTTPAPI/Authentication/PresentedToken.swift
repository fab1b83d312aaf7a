// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A token that somebody presents (RFC 7515 §3.1): taken apart, and not believed yet.
///
/// JWTKit signs, but does not read what others have written: it makes a value of every member of a head, and ends the process where a
/// number is larger than an `Int`.
struct PresentedToken: Sendable {
    /// The largest token that is read, in bytes; those of this service have about 400.
    static let maximumLength = 8 * 1024
    /// The only algorithm (RFC 8037 §3.1).
    ///
    /// What a token says about its algorithm decides nothing, so that neither `none` nor a
    /// public key as the secret of an HMAC gets anybody in.
    static let algorithm = "EdDSA"

    /// What is read of a head; everything else in it is ignored (RFC 7515 §4).
    private struct Head: Decodable {
        let algorithm: String?
        let keyID: String?
        let hasExtensions: Bool

        enum CodingKeys: String, CodingKey {
            case alg, kid, crit
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            self.algorithm = try? container.decode(String.self, forKey: .alg)
            self.keyID = try? container.decode(String.self, forKey: .kid)
            self.hasExtensions = container.contains(.crit)
        }
    }

    /// The key's id (RFC 7515 §4.1.4).
    let keyID: String
    /// Worth nothing before the signature is verified.
    private let claims: AccessToken
    private let signedText: [UInt8]
    private let signature: [UInt8]

    /// Takes a token apart.
    ///
    /// - Throws: ``TokenError``.
    init(_ text: String) throws(TokenError) {
        guard text.utf8.count <= Self.maximumLength else { throw .tooLong }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let head = Self.value(of: parts[0], as: Head.self) else { throw .malformed }
        guard let claims = Self.value(of: parts[1], as: AccessToken.self) else { throw .malformed }
        guard let signature = Base64URL.bytes(of: parts[2]) else { throw .malformed }
        guard head.algorithm == Self.algorithm else { throw .wrongAlgorithm }
        // Extensions that have to be understood (RFC 7515 §4.1.11), of which there are none here.
        guard !head.hasExtensions else { throw .malformed }
        guard let keyID = head.keyID else { throw .unknownKey }
        self.keyID = keyID
        self.claims = claims
        self.signedText = Array("\(parts[0]).\(parts[1])".utf8)
        self.signature = signature
    }

    /// Returns the claims if the signature is that of a key (RFC 8037 §3.1).
    ///
    /// - Throws: ``TokenError``.
    func verified(with key: Curve25519.Signing.PublicKey) throws(TokenError) -> AccessToken {
        guard key.isValidSignature(self.signature, for: self.signedText) else { throw .wrongSignature }
        return self.claims
    }

    private static func value<Value: Decodable>(of text: Substring, as type: Value.Type) -> Value? {
        guard let bytes = Base64URL.bytes(of: text), !JSONNesting.isTooDeep(bytes) else { return nil }
        return try? JSONDecoder().decode(type, from: Data(bytes))
    }
}
