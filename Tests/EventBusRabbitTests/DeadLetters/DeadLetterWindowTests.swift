// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusRabbit

@Suite("Which messages of a dead-letter queue are looked at")
struct DeadLetterWindowTests {
    private func window(
        _ count: Int,
        skipping skipped: Int = 0,
        limit: Int = .max,
        maximumBytes: Int = .max,
        received: Int
    ) -> DeadLetterWindow<Int> {
        var window = DeadLetterWindow<Int>(count: count, skipping: skipped, limit: limit, maximumBytes: maximumBytes)
        for number in 0..<received { window.received(number, bytes: 10) }
        return window
    }

    @Test func waitsUntilThereAreEnough() {
        var window = self.window(10, received: 3)
        #expect(window.take(4, isSilent: false) == nil)
        #expect(window.take(2, isSilent: false) == [0, 1])
        #expect(window.take(2, isSilent: true) == [2])
        for number in 3..<10 { window.received(number, bytes: 10) }
        #expect(window.take(100, isSilent: false) == [3, 4, 5, 6, 7, 8, 9])
        #expect(window.take(100, isSilent: false) == [])
        #expect(window.isComplete)
    }

    @Test func whatIsSkippedOrComesLaterIsNotLookedAt() {
        var window = self.window(10, skipping: 3, limit: 4, received: 12)
        #expect(window.take(100, isSilent: false) == [3, 4, 5, 6])
        #expect(window.take(100, isSilent: false) == [])
        #expect(window.received == 12)
    }

    @Test func noMoreIsKeptThanFitsAndTheOrderHasNoGap() {
        var window = self.window(5, maximumBytes: 15, received: 2)
        window.received(2, bytes: 10)
        #expect(window.isCut)
        #expect(window.take(1, isSilent: false) == [0])
        window.received(3, bytes: 1)
        #expect(window.take(5, isSilent: false) == [1])
        #expect(window.take(5, isSilent: false) == [])
    }

    @Test func whatHasNotArrivedIsExpectedBackAsWell() {
        // The broker has sent all ten, of which three have arrived.
        var window = self.window(10, received: 3)
        #expect(window.expected(ready: 0) == 10)
        window.removed(2)
        #expect(window.expected(ready: 0) == 8)
        // Four have become dead letters meanwhile, one of them has been sent as well.
        for number in 3..<11 { window.received(number, bytes: 10) }
        #expect(window.expected(ready: 3) == 12)
    }

    @Test func aMessageThatIsLargerThanEverythingAllowedIsLookedAt() {
        var window = DeadLetterWindow<Int>(count: 1, skipping: 0, limit: 1, maximumBytes: 1)
        window.received(7, bytes: 100)
        #expect(window.take(1, isSilent: false) == [7])
        #expect(!window.isCut)
    }

    @Test func onlyWhatIsRemovedMakesRoomBeyondTheWindow() {
        let size = DeadLetterWindow<Int>.size
        var window = self.window(size + 2, received: size)
        #expect(window.isComplete)
        #expect(window.take(size + 2, isSilent: false)?.count == size)
        window.removed(1)
        #expect(!window.isComplete)
        #expect(window.take(2, isSilent: false) == nil)
        window.received(size, bytes: 10)
        #expect(window.take(2, isSilent: false) == [size])
        #expect(window.take(2, isSilent: false) == [])
    }
}
