// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Why a text cannot be percent-decoded.
package enum PercentDecodingError: Error {
    /// A `%` is not followed by two hexadecimal digits.
    case incompleteEscape
    /// The decoded bytes are not UTF-8.
    case notUTF8
}

extension String {
    /// Decodes percent-encoded text (RFC 3986 §2.1).
    package init(percentEncoded text: some StringProtocol) throws(PercentDecodingError) {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(UInt8.init(hexadecimalDigit:)),
                let low = rest.popFirst().flatMap(UInt8.init(hexadecimalDigit:))
            else { throw .incompleteEscape }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
        self = decoded
    }
}
