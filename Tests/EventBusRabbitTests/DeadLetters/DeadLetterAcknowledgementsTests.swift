// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusRabbit

@Suite("Which acknowledgements remove dead letters")
struct DeadLetterAcknowledgementsTests {
    /// A tag and whether everything before it is meant too.
    private func texts(_ methods: [ClientMethod]) -> [String] {
        methods.map { method in
            guard case .basicAck(let tag, let multiple) = method else { return "\(method)" }
            return multiple ? "...\(tag)" : "\(tag)"
        }
    }

    @Test func oneForManyAsLongAsNothingIsKept() {
        var acknowledgements = DeadLetterAcknowledgements()
        #expect(self.texts(acknowledgements.settle([1, 2, 3], of: [1, 2, 3])) == ["...3"])
        #expect(self.texts(acknowledgements.settle([4, 5, 7], of: [4, 5, 6, 7])) == ["...5", "7"])
        #expect(self.texts(acknowledgements.settle([8, 9], of: [8, 9])) == ["8", "9"])
        #expect(acknowledgements.removed == 8)
    }

    @Test func aFirstOneThatIsKeptIsNeverIncluded() {
        var acknowledgements = DeadLetterAcknowledgements()
        #expect(self.texts(acknowledgements.settle([], of: [1, 2])) == [])
        #expect(self.texts(acknowledgements.settle([3, 4], of: [3, 4])) == ["3", "4"])
    }

    @Test func whatWasKeptByAnEarlierPassIsNeverIncluded() {
        var acknowledgements = DeadLetterAcknowledgements(hasKept: true)
        #expect(self.texts(acknowledgements.settle([4, 5], of: [4, 5])) == ["4", "5"])
    }
}
