// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The credentials of an `Authorization` field: `Bearer` and a token (RFC 6750 §2.1).
struct BearerToken: Sendable {
    let text: String

    /// - Throws: ``TokenError`` when the field has another scheme or other characters.
    init(_ field: String) throws(TokenError) {
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .malformed }
        let token = parts[1].drop { $0 == " " }
        guard !token.isEmpty, token.utf8.allSatisfy(Self.isTokenByte) else { throw .malformed }
        self.text = String(token)
    }

    /// `b64token` of RFC 6750 §2.1.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~+/=".utf8.contains(byte)
        }
    }
}
