// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

@Suite("Texts of errors")
struct ErrorTextsTests {
    private struct Leaky: Error, CustomStringConvertible {
        let description = "ada@example.com is not allowed"
    }

    private struct Careful: SafelyDescribedError, CustomStringConvertible {
        let description = "ada@example.com is not allowed"
        let safeDescription = "an address is not allowed"
    }

    @Test func onlyTheTypeAndASafeTextAreShown() {
        #expect(ErrorTexts.safe.text(of: Leaky()) == "Leaky")
        #expect(ErrorTexts.safe.text(of: Careful()) == "Careful: an address is not allowed")
        #expect(ErrorTexts.safe.text(of: BusError(.refused, "full")) == "BusError: refused: full")
    }

    @Test func everythingIsShownOnRequest() {
        #expect(ErrorTexts.all.text(of: Leaky()) == "Leaky: ada@example.com is not allowed")
        #expect(ErrorTexts.all.text(of: Careful()) == "Careful: ada@example.com is not allowed")
    }
}
