// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import JWTKit

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Public keys of Ed25519 (RFC 8037), each with its id.
public struct VerificationKeys: Sendable {
    /// More keys than this are no key set but a mistake.
    static let maximumCount = 16

    let keys: [String: EdDSA.PublicKey]

    init(_ keys: [String: EdDSA.PublicKey]) {
        self.keys = keys
    }

    /// Reads a JWK set (RFC 7517 §5); keys of other kinds are left out.
    ///
    /// - Throws: ``KeySetError``.
    init(json bytes: some Sequence<UInt8>) throws(KeySetError) {
        guard let set = try? JSONDecoder().decode(Document.self, from: Data(bytes)) else { throw .malformed }
        guard set.keys.count <= Self.maximumCount else { throw .tooMany(set.keys.count) }
        var keys: [String: EdDSA.PublicKey] = [:]
        for key in set.keys {
            guard let key = key.value, key.keyType == .octetKeyPair, let id = key.keyIdentifier?.string, let x = key.x,
                let publicKey = try? EdDSA.PublicKey(x: x, curve: .ed25519)
            else { continue }
            keys[id] = publicKey
        }
        guard !keys.isEmpty else { throw .empty }
        self.keys = keys
    }

    /// The JWK set.
    var document: JWKS {
        JWKS(
            keys: self.keys.sorted { $0.key < $1.key }.map { id, key in
                .octetKeyPair(
                    .eddsa,
                    identifier: JWKIdentifier(string: id),
                    x: Base64URL.text(of: key.rawRepresentation),
                    y: nil,
                    curve: .ed25519
                )
            }
        )
    }

    func contains(_ id: String) -> Bool { self.keys[id] != nil }

    /// Verifies the signature, and nothing else.
    ///
    /// - Throws: ``TokenError``.
    func verify(_ token: PresentedToken) throws(TokenError) -> AccessToken {
        guard let key = self.keys[token.keyID],
            let publicKey = try? Curve25519.Signing.PublicKey(rawRepresentation: key.rawRepresentation)
        else { throw .unknownKey }
        return try token.verified(with: publicKey)
    }

    /// A set in which keys of kinds that nobody here knows do no harm.
    private struct Document: Decodable {
        struct Key: Decodable {
            let value: JWK?
            init(from decoder: any Decoder) { self.value = try? JWK(from: decoder) }
        }
        let keys: [Key]
    }
}
