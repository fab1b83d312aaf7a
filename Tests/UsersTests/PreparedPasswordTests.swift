// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusUsers

@Suite struct PreparedPasswordTests {
    /// What is typed, and what is hashed: the examples of RFC 8265 §4.3 and of UAX #15.
    @Test(arguments: [
        ("correct horse battery staple", "correct horse battery staple"),
        ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("\u{3C0}\u{DF}\u{E5}", "\u{3C0}\u{DF}\u{E5}"),
        // The ogham space mark, the no-break space, an em quad, the ideographic space.
        ("Jack of \u{1680}s", "Jack of  s"), ("a\u{A0}b\u{2001}c\u{3000}d", "a b c d"),
        // Letters and their marks; the ångström sign, which always becomes a letter; marks in another order.
        ("e\u{301}", "\u{E9}"), ("\u{212B}", "\u{C5}"), ("q\u{307}\u{323}", "q\u{323}\u{307}"),
        // Hangul, a compatibility ligature that stays one, a flag, an unassigned code point.
        ("\u{1112}\u{1161}\u{11AB}", "\u{D55C}"), ("\u{FB01}", "\u{FB01}"), ("🇳🇴", "🇳🇴"), ("\u{E0080}", "\u{E0080}"),
        ("tab\tnul\0", "tab\tnul\0"),
    ])
    func aPasswordIsPreparedAsRFC8265Says(typed: String, hashed: String) {
        // Strings that are canonically equivalent are equal, so bytes are compared.
        #expect(Array(PreparedPassword(typed).text.utf8) == Array(hashed.utf8))
        #expect(Array(PreparedPassword(hashed).text.utf8) == Array(hashed.utf8), "what is prepared stays as it is")
    }

    @Test func whatWasTypedIsTriedToo() {
        func bytes(_ typed: String) -> [[UInt8]] { PreparedPassword(typed).candidates.map { Array($0.utf8) } }
        #expect(bytes("secret") == [Array("secret".utf8)])
        #expect(bytes("\u{E9}") == [[0xC3, 0xA9]])
        #expect(bytes("e\u{301}") == [[0xC3, 0xA9], [0x65, 0xCC, 0x81]])
    }

    @Test func whatNobodyCanHaveRegisteredWithIsNotTried() {
        #expect(PreparedPassword("").candidates == [])
        #expect(PreparedPassword(String(repeating: "x", count: 1024)).candidates.count == 1)
        #expect(PreparedPassword(String(repeating: "x", count: 1025)).candidates == [])
        // 1025 bytes as typed, 684 when they are composed.
        let long = String(repeating: "e\u{301}", count: 341) + "xx"
        #expect(PreparedPassword(long).candidates.map(\.utf8.count) == [684])
    }

    @Test func theLengthIsThatOfThePreparedPassword() {
        #expect(!PreparedPassword("e\u{301}e\u{301}e\u{301}").hasValidLength)
        #expect(PreparedPassword("\u{E9}\u{E9}\u{E9}\u{E9}").hasValidLength)
        #expect(!PreparedPassword("1234567").hasValidLength)
        #expect(!PreparedPassword(String(repeating: "x", count: 1025)).hasValidLength)
    }
}
