// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How deeply a text of JSON is nested, found without decoding it.
enum JSONNesting {
    /// More than any request of this API needs, far less than a decoder's stack can take.
    static let limit = 64

    /// Whether more than ``limit`` arrays and objects are open at any place.
    static func isTooDeep(_ text: some Sequence<UInt8>) -> Bool {
        var depth = 0
        var isInString = false
        var isEscaped = false
        for byte in text {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                if depth > self.limit { return true }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
        }
        return false
    }
}
