// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import EventBus

/// Turns the bytes of an id or a source into text in such a way that different bytes become different texts.
///
/// Replacing what is not UTF-8, or cutting what is too long, would give several events one identity.
enum IdentifyingText {
    enum Kind: String {
        case id, source
    }

    private static let longest = Message.Limits.shortStringBytes
    private static let prefix = "bytes-"

    /// The text: UTF-8 of up to 255 bytes as it is, other bytes as `bytes-` and hexadecimal digits.
    ///
    /// What is too long for that becomes `sha256-id-` or `sha256-source-` and the hexadecimal SHA-256 of the bytes.
    ///
    /// - Returns: `nil` if there are no bytes.
    static func of(_ bytes: UnsafeRawBufferPointer, _ kind: Kind) -> String? {
        guard !bytes.isEmpty else { return nil }
        if bytes.count <= self.longest {
            if let text = String(exactly: bytes) { return text }
            if self.prefix.utf8.count + 2 * bytes.count <= self.longest { return self.prefix + bytes.hexadecimal }
        }
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        return "sha256-\(kind.rawValue)-\(hash.finalize().hexadecimal)"
    }
}
