// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A document that is no JWK set which can be used.
enum KeySetError: Error, Sendable, Hashable, CustomStringConvertible {
    /// It is not JSON, or has no array `keys`.
    case malformed
    /// It has more keys than anybody needs.
    case tooMany(Int)
    /// It has no key of Ed25519 with an id.
    case empty

    var description: String {
        switch self {
        case .malformed: "the document is no JWK set (RFC 7517)"
        case .tooMany(let count): "the set has \(count) keys, more than \(VerificationKeys.maximumCount)"
        case .empty: "the set has no key with \"kty\": \"OKP\", \"crv\": \"Ed25519\" and a \"kid\""
        }
    }
}
