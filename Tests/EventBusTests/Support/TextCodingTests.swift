// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@Suite("Hexadecimal and percent-encoded text")
struct TextCodingTests {
    @Test func bytesAreWrittenInLowerCase() {
        #expect([0x00, 0x0A, 0xFF, 0x1b].hexadecimal == "000aff1b")
        #expect([UInt8]().hexadecimal == "")
    }

    @Test func digitsAreReadInEitherLetterCase() {
        let digits = "0123456789abcdefABCDEF".utf8.map { UInt8(hexadecimalDigit: $0) }
        #expect(digits == (0...15).map { $0 } + (10...15).map { $0 })
        #expect("/:@G`g".utf8.allSatisfy { UInt8(hexadecimalDigit: $0) == nil })
    }

    @Test(arguments: [("", ""), ("a%20b", "a b"), ("%C3%a4", "ä"), ("%2F%25", "/%"), ("ä", "ä"), ("%00", "\0")])
    func percentEncodedTextIsDecoded(text: String, decoded: String) throws {
        #expect(try String(percentEncoded: text) == decoded)
    }

    @Test(arguments: [
        ("%", PercentDecodingError.incompleteEscape), ("a%2", .incompleteEscape), ("%g0", .incompleteEscape),
        ("%ff", .notUTF8), ("%c3", .notUTF8),
    ])
    func malformedTextIsRefused(text: String, error: PercentDecodingError) {
        #expect(throws: error) { try String(percentEncoded: text) }
    }
}
