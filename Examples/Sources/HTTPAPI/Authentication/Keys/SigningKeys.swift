// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import JWTKit

/// The keys of a service that issues tokens: the first signs, all of them verify.
///
/// ## Configuration keys
/// - `AUTH_KEYS`, or the path of a file with it in `AUTH_KEYS_FILE` (optional): one or two private keys of Ed25519 in PKCS #8 and PEM,
///   one after the other, as `openssl genpkey -algorithm ed25519` writes them. How to change them: docs/authentication.md.
public struct SigningKeys: Sendable {
    /// A private key with its id.
    struct Key: Sendable {
        let id: String
        let privateKey: EdDSA.PrivateKey

        init(_ privateKey: EdDSA.PrivateKey) {
            self.id = SigningKeys.thumbprint(of: privateKey.publicKey)
            self.privateKey = privateKey
        }
    }

    let current: Key
    /// What others verify with.
    public let verificationKeys: VerificationKeys

    private init(_ keys: [Key], current: Key) {
        self.current = current
        self.verificationKeys = VerificationKeys(
            Dictionary(keys.map { ($0.id, $0.privateKey.publicKey) }, uniquingKeysWith: { $1 })
        )
    }

    /// Makes a key that is gone with the process.
    public static func generated() -> SigningKeys {
        let key = Key(EdDSA.PrivateKey(backing: Curve25519.Signing.PrivateKey()))
        return SigningKeys([key], current: key)
    }

    /// Reads private keys.
    ///
    /// - Throws: ``SigningKeysError``, which holds nothing of the text.
    init(pem text: String) throws(SigningKeysError) {
        let blocks = Self.blocks(of: text)
        guard (1...2).contains(blocks.count) else { throw .count(blocks.count) }
        var keys: [Key] = []
        for (index, block) in blocks.enumerated() {
            guard let key = try? EdDSA.PrivateKey(pem: block) else { throw .unusable(index + 1) }
            keys.append(Key(key))
        }
        guard Set(keys.map(\.id)).count == keys.count else { throw .same }
        self.init(keys, current: keys[0])
    }

    /// The texts from `-----BEGIN` to the line with `-----END`, whatever they hold.
    private static func blocks(of text: String) -> [String] {
        var blocks: [String] = []
        var lines: [Substring] = []
        for line in text.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("-----BEGIN ") { lines = [] }
            lines.append(line)
            if line.hasPrefix("-----END ") { blocks.append(lines.joined(separator: "\n")) }
        }
        return blocks
    }

    /// An id that is the same wherever the key is read (RFC 7638 §3, RFC 8037 §2).
    private static func thumbprint(of key: EdDSA.PublicKey) -> String {
        let json = #"{"crv":"Ed25519","kty":"OKP","x":"\#(Base64URL.text(of: key.rawRepresentation))"}"#
        return Base64URL.text(of: SHA256.hash(data: Array(json.utf8)))
    }
}
