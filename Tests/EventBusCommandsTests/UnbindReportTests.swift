// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusCommands

@Suite("What is said of patterns that are taken away")
struct UnbindReportTests {
    private func report(before: [String]?, isDry: Bool = false) -> UnbindReport {
        UnbindReport("accounts", ["a", "b"], before: before, isDry: isDry)
    }

    @Test func whatWasNeverBoundIsNotCalledUnbound() {
        #expect(self.report(before: ["c", "a"]).text == "unbound a from accounts\naccounts was not bound to b")
        #expect(self.report(before: ["a", "b"]).text == "unbound a, b from accounts")
        #expect(self.report(before: []).text == "accounts was not bound to a, b")
        #expect(
            self.report(before: ["b"], isDry: true).text == "would unbind b from accounts\naccounts is not bound to a"
        )
    }

    @Test func withoutTheManagementOnlyWhatIsNowIsTold() {
        #expect(self.report(before: nil).text == "accounts is not bound to a, b, or not any more")
        #expect(self.report(before: nil, isDry: true).text.hasPrefix("would unbind a, b from accounts; whether"))
    }

    @Test func jsonTellsBoth() {
        #expect(
            self.report(before: ["a"]).json.text
                == #"{"dryRun":false,"notBound":["b"],"subscription":"accounts","unbound":["a"]}"#
        )
        #expect(
            self.report(before: nil).json.text
                == #"{"dryRun":false,"notBound":null,"subscription":"accounts","unbound":["a","b"]}"#
        )
    }
}
