// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusCommands
import Testing

@Suite struct TableTests {
    @Test func columnsAreAligned() {
        var table = Table("QUEUE", "MESSAGES")
        table.add("accounts", "7")
        table.add("a", "12345")
        #expect(table.text == "QUEUE     MESSAGES\naccounts  7\na         12345")
    }

    @Test func whatControlsATerminalIsVisible() {
        #expect("a\u{1B}[2J\nb\u{202E}".printable == #"a\u{1B}[2J\nb\u{202E}"#)
        #expect("Grüße".printable == "Grüße")
    }
}
