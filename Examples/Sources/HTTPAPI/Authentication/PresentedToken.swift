// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import JWTKit

/// A token that somebody presents: read as far as is needed to choose a key, and not believed yet.
struct PresentedToken: Sendable {
    /// The largest token that is read, in bytes; those of this service have about 400.
    static let maximumLength = 8 * 1024
    /// The only algorithm (RFC 8037 §3.1).
    ///
    /// What a token says about its algorithm decides nothing, so that neither `none` nor a
    /// public key as the secret of an HMAC gets anybody in.
    static let algorithm = "EdDSA"

    let text: String
    /// The key's id (RFC 7515 §4.1.4).
    let keyID: String

    /// Reads the head.
    ///
    /// - Throws: ``TokenError``.
    init(_ text: String) throws(TokenError) {
        guard text.utf8.count <= Self.maximumLength else { throw .tooLong }
        let header: JWTHeader
        do {
            header = try DefaultJWTParser().parse(Array(text.utf8), as: AccessToken.self).header
        } catch {
            throw .malformed
        }
        guard header.alg == Self.algorithm else { throw .wrongAlgorithm }
        // Extensions that have to be understood (RFC 7515 §4.1.11), of which there are none here.
        guard header.fields["crit"] == nil else { throw .malformed }
        guard let keyID = header.kid else { throw .unknownKey }
        self.text = text
        self.keyID = keyID
    }
}
