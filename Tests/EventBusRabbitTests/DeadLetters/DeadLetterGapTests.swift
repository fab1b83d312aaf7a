// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

@Suite("Whether a run has looked at all dead letters")
struct DeadLetterGapTests {
    private func gap(_ messages: Int, consumers: Int = 0, limit: Int = .max, kept: Int = 0, redriven: Int = 0)
        -> DeadLetterGap?
    {
        var looked = DeadLetterCounts()
        (looked.kept, looked.redriven) = (kept, redriven)
        return DeadLetterGap(QueueCount(messages: messages, consumers: consumers), limit: limit, looked: looked)
    }

    @Test func whatWasThereOrWasAskedForIsEverything() {
        #expect(self.gap(0) == nil)
        #expect(self.gap(5, kept: 2, redriven: 3) == nil)
        #expect(self.gap(5, limit: 3, redriven: 3) == nil)
        // One has come before the run began.
        #expect(self.gap(5, redriven: 6) == nil)
    }

    @Test func whatAnotherConsumerHoldsIsNotKnown() {
        #expect(self.gap(0, consumers: 2) == .held(consumers: 2))
        #expect(self.gap(5, consumers: 1, kept: 5) == .held(consumers: 1))
        #expect(self.gap(5, consumers: 1, limit: 3, kept: 3) == .held(consumers: 1))
    }

    @Test func behindAsManyAsAreDeliveredAtOnceIsMore() {
        let size = DeadLetterWindow<Int>.size
        #expect(self.gap(size + 7, kept: size) == .behindKept(7))
        #expect(self.gap(size + 7, kept: size, redriven: 7) == nil)
        #expect(self.gap(size, kept: size) == nil)
    }

    @Test func whatDidNotComeIsWithSomebodyElse() {
        #expect(self.gap(5, kept: 1, redriven: 2) == .taken(2))
        #expect(self.gap(5, limit: 4, redriven: 2) == .taken(2))
    }

    @Test func eachHasAWayOut() {
        let gaps: [DeadLetterGap] = [.held(consumers: 1), .behindKept(3), .taken(2)]
        #expect(gaps.map(\.name) == ["held", "behind-kept", "taken"])
        #expect(gaps.allSatisfy { $0.description.hasSuffix("repeat it") })
    }
}
