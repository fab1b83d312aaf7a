// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Confirms")
struct ConfirmsTests {
    private static func time(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }

    /// Everything has left.
    private static let sent = Confirms<Int>.Sending(left: .max, deadline: .uptimeNanoseconds(0))

    /// Messages with tags from 1 and a deadline in seconds.
    private func confirms(_ count: Int, deadline: UInt64 = 30) -> Confirms<Int> {
        var confirms = Confirms<Int>()
        for index in 0..<count {
            let slot = Confirms<Int>.Slot(batch: 1, index: index)
            confirms.published(slot, size: 10, end: 10 * (index + 1), deadline: Self.time(deadline))
        }
        return confirms
    }

    private func text(_ resolutions: [Confirms<Int>.Resolution]) -> [String] {
        resolutions.map { "\($0.slot.index + 1) \($0.answer)" }
    }

    @Test("Single answers may come in any order")
    func singles() {
        var confirms = self.confirms(3)
        #expect(self.text(confirms.acknowledged(2, multiple: false)) == ["2 confirmed"])
        #expect(self.text(confirms.refused(3, multiple: false)) == ["3 refused"])
        #expect(confirms.outstanding == 1)
        #expect(self.text(confirms.acknowledged(1, multiple: false)) == ["1 confirmed"])
        #expect(confirms.outstanding == 0)
        #expect(confirms.outstandingBytes == 0)
        #expect(confirms.nextDeadline(Self.sent) == nil)
    }

    @Test("An answer with multiple covers everything open up to its tag")
    func multiple() {
        var confirms = self.confirms(5)
        _ = confirms.acknowledged(2, multiple: false)
        #expect(self.text(confirms.refused(3, multiple: true)) == ["1 refused", "3 refused"])
        #expect(self.text(confirms.acknowledged(0, multiple: true)) == ["4 confirmed", "5 confirmed"])
    }

    @Test("Tags that were never used or are already answered have no effect", arguments: [0, 1, 4, .max] as [UInt64])
    func strangers(_ tag: UInt64) {
        var confirms = self.confirms(3)
        _ = confirms.acknowledged(1, multiple: false)
        #expect(self.text(confirms.acknowledged(tag, multiple: false)) == [])
        #expect(confirms.outstanding == 2)
    }

    @Test("A message that comes back before its acknowledgement is unroutable")
    func returns() {
        var confirms = self.confirms(4)
        confirms.returned { $0.index == 2 }
        confirms.returned { $0.index == 1 }
        confirms.returned { _ in false }
        #expect(
            self.text(confirms.acknowledged(4, multiple: true)) == [
                "1 confirmed", "2 unroutable", "3 unroutable", "4 confirmed",
            ]
        )
    }

    @Test("Of messages that look the same as many are unroutable as come back")
    func twins() {
        var confirms = self.confirms(3)
        confirms.returned { _ in true }
        confirms.returned { _ in true }
        #expect(
            self.text(confirms.acknowledged(3, multiple: true)) == ["1 unroutable", "2 unroutable", "3 confirmed"]
        )
    }

    @Test("A message whose deadline has passed has an unknown outcome, and the broker's late answer is ignored")
    func expiry() {
        var confirms = self.confirms(1, deadline: 10)
        confirms.published(Confirms<Int>.Slot(batch: 1, index: 1), size: 1, end: 11, deadline: Self.time(20))
        #expect(confirms.nextDeadline(Self.sent) == Self.time(10))
        #expect(self.text(confirms.expire(now: Self.time(9), Self.sent)) == [])
        #expect(self.text(confirms.expire(now: Self.time(10), Self.sent)) == ["1 unknown"])
        #expect(self.text(confirms.expire(now: Self.time(10), Self.sent)) == [])
        #expect(confirms.nextDeadline(Self.sent) == Self.time(20))
        #expect(self.text(confirms.acknowledged(2, multiple: true)) == ["2 confirmed"])
        #expect(confirms.outstanding == 0)
    }

    @Test("Deadlines are extended when the broker holds messages back")
    func extended() {
        var confirms = self.confirms(2, deadline: 10)
        confirms.extend(to: Self.time(40))
        #expect(self.text(confirms.expire(now: Self.time(39), Self.sent)) == [])
        #expect(self.text(confirms.expire(now: Self.time(40), Self.sent)) == ["1 unknown", "2 unknown"])
    }

    @Test("When the channel ends, every open message gets its outcome once")
    func failure() {
        var confirms = self.confirms(3)
        _ = confirms.acknowledged(2, multiple: false)
        #expect(self.text(confirms.fail()) == ["1 unknown", "3 unknown"])
        #expect(self.text(confirms.fail()) == [])
    }

    @Test("A message that has not left completely has time as long as bytes leave, and its own time begins when it has")
    func slowly() {
        // Messages end at 10, 20 and 30.
        var confirms = self.confirms(3, deadline: 10)
        #expect(confirms.nextDeadline(.init(left: 9, deadline: Self.time(25))) == Self.time(25))
        #expect(self.text(confirms.expire(now: Self.time(24), .init(left: 9, deadline: Self.time(25)))) == [])
        confirms.bytesLeft(after: 0, upTo: 9, deadline: Self.time(40))
        confirms.bytesLeft(after: 9, upTo: 20, deadline: Self.time(45))
        let sending = Confirms<Int>.Sending(left: 20, deadline: Self.time(30))
        #expect(confirms.nextDeadline(sending) == Self.time(45))
        // In the order of writing: what is behind is not given up before.
        #expect(self.text(confirms.expire(now: Self.time(44), sending)) == [])
        #expect(self.text(confirms.expire(now: Self.time(45), sending)) == ["1 unknown", "2 unknown", "3 unknown"])
    }

    @Test("What is not answered at all is told from what is only late")
    func abandoned() {
        var confirms = self.confirms(3, deadline: 10)
        _ = confirms.acknowledged(3, multiple: false)
        #expect(confirms.hasOpen)
        #expect(confirms.open.map(\.index) == [0, 1])
        _ = confirms.expire(now: Self.time(10), Self.sent)
        #expect(!confirms.hasOpen)
        #expect(confirms.outstanding == 2)
        _ = confirms.acknowledged(1, multiple: false)
        #expect(confirms.abandoned == 1)
        #expect(confirms.outstanding == 1)
        #expect(self.text(confirms.fail()) == [])
        #expect(confirms.abandoned == 0)
    }
}
