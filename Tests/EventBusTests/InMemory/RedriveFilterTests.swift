// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("What a redrive does with each dead letter")
struct RedriveFilterTests {
    private func letter(
        _ id: String = "42",
        topic: Topic = "t",
        source: String = "/shop-a",
        body: [UInt8] = [1]
    ) -> DeadLetter {
        let time = Date(timeIntervalSince1970: 0)
        let message = Message(id: id, topic: topic, source: source, time: time, body: body)
        return DeadLetter(message: message, reason: "", failures: Failures(), deadAt: time)
    }

    @Test func onlyCopiesOfOneEventAreRemovedWithTheFirst() {
        var filter = RedriveFilter()
        let letters = [
            self.letter(), self.letter(source: "/shop-b"), self.letter(topic: "u"), self.letter(body: [2]),
            self.letter("\u{e9}"), self.letter("e\u{301}"),
        ]
        for letter in letters { #expect(filter.step(for: letter) { _ in true } == .give) }
        for (number, letter) in letters.enumerated() {
            #expect(filter.step(for: letter) { _ in true } == .remove(copyOf: number))
            #expect(filter.step(for: letter) { _ in false } == .keep)
        }
    }

    @Test func aDeadLetterThatIsNotWantedTakesNoOtherAway() {
        var filter = RedriveFilter()
        #expect(filter.step(for: self.letter()) { _ in false } == .keep)
        #expect(filter.step(for: self.letter()) { _ in true } == .give)
    }
}
