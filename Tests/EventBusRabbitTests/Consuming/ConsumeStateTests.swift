// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

@Suite("Deliveries of an open subscription")
struct ConsumeStateTests {
    /// A state whose quarantine queue was found empty, with these deliveries out.
    private func state(
        out tags: [UInt64] = [],
        _ ordering: Ordering = .none,
        prefetch: Int = 64
    ) throws -> ConsumeState {
        var state = ConsumeState(try Subscription("s", patterns: ["a"], prefetch: prefetch, ordering: ordering))
        if ordering == .none {
            #expect(state.next(isAwaited: true).text == "fetch")
            #expect(state.fetched(nil) == true)
        }
        for tag in tags { #expect(state.delivered(try .numbered(tag)) == .waits) }
        if !tags.isEmpty { _ = state.next(isAwaited: true) }
        return state
    }

    private func acknowledged(_ state: inout ConsumeState) -> [UInt64] { state.acknowledge().map(\.tag) }

    @Test("A delivery waits, is handed out once, is settled once and is acknowledged once")
    func life() throws {
        var state = try self.state()
        #expect(state.delivered(try .numbered(1)) == .waits)
        #expect(state.settle(1, needsCopy: false) == nil)
        #expect(state.next(isAwaited: true).text == "hand out 1")
        #expect(state.next(isAwaited: true).text == "none")
        #expect(self.acknowledged(&state) == [])
        #expect(state.settle(1, needsCopy: false)?.tag == 1)
        #expect(state.settle(1, needsCopy: false) == nil)
        #expect(state.settle(1, needsCopy: true) == nil)
        #expect(self.acknowledged(&state) == [1])
        #expect(self.acknowledged(&state) == [])
        #expect(state.settle(2, needsCopy: false) == nil)
    }

    @Test("A verdict counts only if the consumer had received the delivery before")
    func guessed() throws {
        var state = try self.state()
        for tag in 1...3 as ClosedRange<UInt64> { _ = state.delivered(try .numbered(tag)) }
        #expect(state.next(isAwaited: true).text == "hand out 1 2 3")
        #expect(state.settle(3, needsCopy: false, returned: 2) == nil)
        #expect(state.settle(2, needsCopy: false, returned: 2)?.tag == 2)
        state.quarantineHasMessages()
        for tag in [1, 3] as [UInt64] { _ = state.settle(tag, needsCopy: false) }
        #expect(state.next(isAwaited: true).text == "fetch")
        #expect(state.fetched(try .fetched(4)) == true)
        #expect(state.settle(4, needsCopy: false, returned: 3) == nil)
        #expect(state.settle(4, needsCopy: false, returned: 4)?.tag == 4)
        #expect(self.acknowledged(&state) == [4])
    }

    @Test("A delivery whose verdict needs a copy is acknowledged when the copy is confirmed")
    func copied() throws {
        var state = try self.state(out: [1, 2])
        #expect(state.settle(1, needsCopy: true)?.tag == 1)
        #expect(state.settle(1, needsCopy: false) == nil)
        #expect(self.acknowledged(&state) == [])
        state.copied(1)
        #expect(self.acknowledged(&state) == [1])
        state.copied(1)
        #expect(self.acknowledged(&state) == [])
    }

    @Test("A confirmed copy settles only a delivery that needed one")
    func strangers() throws {
        var state = try self.state(out: [1])
        #expect(state.delivered(try .numbered(2)) == .waits)
        for tag in [1, 2, 3] as [UInt64] { state.copied(tag) }
        #expect(self.acknowledged(&state) == [])
        #expect(state.settle(1, needsCopy: false)?.tag == 1)
    }

    @Test("A message that came back once waits like any other")
    func returned() throws {
        var state = try self.state()
        #expect(state.delivered(try .numbered(1, redelivered: true)) == .waits)
        #expect(state.delivered(try .numbered(2, returns: 1)) == .waits)
        #expect(state.delivered(try .numbered(3, returns: 1, copiedWith: 1)) == .moves)
        #expect(state.delivered(try .numbered(4, returns: 0, copiedWith: 1)) == .waits)
        #expect(state.delivered(try .numbered(5, returns: 0, copiedWith: 2)) == .moves)
    }

    @Test("A message that came back twice is moved, and runs alone before what waits")
    func moved() throws {
        var state = try self.state(out: [1])
        #expect(state.delivered(try .numbered(2, returns: 2)) == .moves)
        #expect(state.delivered(try .numbered(3)) == .waits)
        #expect(state.settle(2, needsCopy: false) == nil)
        #expect(state.next(isAwaited: true).text == "none")
        #expect(state.settle(1, needsCopy: false)?.tag == 1)
        // The copy has yet to reach the quarantine queue.
        #expect(state.next(isAwaited: true).text == "none")
        state.copied(2)
        #expect(state.acknowledge() == [.init(tag: 2, multiple: true)])
        #expect(state.next(isAwaited: false).text == "none")
        #expect(state.next(isAwaited: true).text == "fetch")
        #expect(state.fetched(try .fetched(4)) == true)
        #expect(state.next(isAwaited: true).text == "none")
        #expect(state.settle(4, needsCopy: false)?.tag == 4)
        #expect(state.next(isAwaited: true).text == "fetch")
        #expect(state.fetched(nil) == true)
        #expect(state.next(isAwaited: true).text == "hand out 3")
    }

    @Test("However many messages fail alone, no more than the prefetch are fetched before their copies are confirmed")
    func failedAlone() throws {
        var state = try self.state(prefetch: 2)
        state.quarantineHasMessages()
        for tag in 1...2 as ClosedRange<UInt64> {
            #expect(state.next(isAwaited: true).text == "fetch")
            #expect(state.fetched(try .fetched(tag)) == true)
            #expect(state.settle(tag, needsCopy: true)?.tag == tag)
        }
        #expect(state.next(isAwaited: true).text == "none")
        state.copied(2)
        #expect(self.acknowledged(&state) == [2])
        #expect(state.next(isAwaited: true).text == "fetch")
    }

    @Test("A message that has failed alone, and whose copy has to wait, holds up no others")
    func waitsAlone() throws {
        var state = try self.state()
        state.quarantineHasMessages()
        #expect(state.delivered(try .numbered(1)) == .waits)
        #expect(state.next(isAwaited: true).text == "fetch")
        #expect(state.fetched(try .fetched(2)) == true)
        #expect(state.settle(2, needsCopy: true)?.tag == 2)
        #expect(state.next(isAwaited: true).text == "fetch")
        #expect(state.fetched(nil) == true)
        #expect(state.next(isAwaited: true).text == "hand out 1")
        state.copied(2)
        #expect(state.next(isAwaited: true).text == "none")
    }

    @Test("What is copied to the own queue is for others once the broker has ended the consumer, or the scope ends")
    func leaving() throws {
        var state = try self.state(out: [1])
        #expect(!state.isLeaving)
        #expect(state.stop() == true)
        #expect(!state.isLeaving)
        state.consumerEnded()
        #expect(state.isLeaving)
        var ordered = try self.state(.perKey)
        #expect(ordered.stop() == false)
        #expect(ordered.isLeaving)
        var interrupted = try self.state()
        interrupted.end()
        #expect(interrupted.isLeaving)
    }

    @Test("On an ordered subscription a message that came back waits like any other")
    func ordered() throws {
        var state = try self.state(.perKey)
        #expect(!state.watchesQuarantine)
        #expect(state.delivered(try .numbered(1, returns: 2)) == .waits)
        #expect(state.next(isAwaited: false).text == "hand out 1")
    }

    @Test("After a stop nothing is handed out, but what came back is still moved")
    func stopped() throws {
        var state = try self.state(out: [1])
        #expect(state.watchesQuarantine)
        #expect(state.stop() == true)
        #expect(state.stop() == false)
        #expect(!state.watchesQuarantine)
        #expect(state.delivered(try .numbered(2)) == .waits)
        #expect(state.delivered(try .numbered(3, returns: 2)) == .moves)
        #expect(state.next(isAwaited: true).text == "none")
        #expect(state.settle(1, needsCopy: false)?.tag == 1)
        #expect(self.acknowledged(&state) == [1])
    }

    @Test(
        "After a stop what waits is given back once the broker has ended the consumer, and acknowledged after its copy"
    )
    func givenBackAfterStop() throws {
        var state = try self.state(out: [1, 2])
        #expect(state.delivered(try .numbered(3)) == .waits)
        #expect(!state.isGivingBack)
        #expect(state.stop() == true)
        state.giveBack(2, returned: .max)
        #expect(state.takeGivenBack().isEmpty)
        #expect(state.isGivingBack)
        state.consumerEnded()
        #expect(state.takeGivenBack().map(\.tag) == [2, 3])
        #expect(!state.isGivingBack)
        #expect(state.takeGivenBack().isEmpty)
        #expect(self.acknowledged(&state) == [])
        for tag in [3, 2] as [UInt64] { state.copied(tag) }
        #expect(self.acknowledged(&state) == [2, 3])
        // One that was on its way.
        #expect(state.delivered(try .numbered(4)) == .waits)
        #expect(state.takeGivenBack().map(\.tag) == [4])
        #expect(state.settle(1, needsCopy: false)?.tag == 1)
    }

    @Test("Only what the consumer has received and not settled is given back, and only once")
    func givenBack() throws {
        var state = try self.state(out: [1, 2, 3])
        #expect(state.delivered(try .numbered(4)) == .waits)
        _ = state.settle(1, needsCopy: false)
        for tag in [0, 1, 3, 4, 5] as [UInt64] { state.giveBack(tag, returned: 2) }
        #expect(!state.isGivingBack)
        state.giveBack(2, returned: 2)
        state.giveBack(2, returned: 2)
        #expect(state.isGivingBack)
        #expect(state.settle(2, needsCopy: false) == nil)
        #expect(state.takeGivenBack().map(\.tag) == [2])
        #expect(state.settle(2, needsCopy: true) == nil)
        state.giveBack(2, returned: 2)
        #expect(state.takeGivenBack().isEmpty)
        #expect(state.next(isAwaited: true).text == "hand out 4")
    }

    @Test("What was given back makes room for what waits in quarantine")
    func givenBackBeforeQuarantine() throws {
        var state = try self.state(out: [1])
        state.quarantineHasMessages()
        #expect(state.next(isAwaited: true).text == "none")
        state.giveBack(1, returned: .max)
        #expect(state.next(isAwaited: true).text == "fetch")
        _ = state.fetched(try .fetched(2))
        state.giveBack(2, returned: .max)
        #expect(state.takeGivenBack().map(\.tag) == [1, 2])
        // The copy has yet to reach the quarantine queue.
        #expect(state.next(isAwaited: true).text == "none")
        state.copied(2)
        #expect(state.next(isAwaited: true).text == "fetch")
    }

    @Test("Nothing of an ordered subscription is given back, and its consumer goes on")
    func orderedGivesNothingBack() throws {
        var state = try self.state(out: [1], .perKey)
        #expect(state.delivered(try .numbered(2)) == .waits)
        #expect(state.stop() == false)
        state.giveBack(1, returned: .max)
        #expect(state.takeGivenBack().isEmpty)
        #expect(!state.isGivingBack)
        #expect(state.settle(1, needsCopy: false)?.tag == 1)
    }

    @Test("At the end of the scope what came back stays unacknowledged, and verdicts still count")
    func ended() throws {
        var state = try self.state(out: [1])
        state.end()
        #expect(state.delivered(try .numbered(2, returns: 2)) == .stays)
        #expect(state.next(isAwaited: true).text == "none")
        #expect(state.settle(2, needsCopy: false) == nil)
        state.copied(2)
        #expect(state.settle(1, needsCopy: true)?.tag == 1)
        state.copied(1)
        #expect(self.acknowledged(&state) == [1])
    }

    @Test("A delivery tag that skips or repeats is unexpected, fetched or delivered")
    func tags() throws {
        var state = try self.state(out: [1])
        #expect(state.delivered(try .numbered(1)) == .isUnexpected)
        #expect(state.delivered(try .numbered(3)) == .isUnexpected)
        #expect(state.fetched(try .fetched(3)) == false)
        #expect(state.delivered(try .numbered(2)) == .waits)
    }

    @Test("When the channel is gone nothing can be settled or acknowledged")
    func failed() throws {
        var state = try self.state(out: [1, 2])
        _ = state.settle(1, needsCopy: false)
        state.fail()
        #expect(state.settle(2, needsCopy: false) == nil)
        state.copied(2)
        #expect(self.acknowledged(&state) == [])
    }

    @Test("What an earlier instance left in quarantine comes first")
    func leftovers() throws {
        var state = ConsumeState(try Subscription("s", patterns: ["a"]))
        #expect(!state.isOpen)
        #expect(state.delivered(try .numbered(1)) == .waits)
        #expect(state.next(isAwaited: false).text == "none")
        #expect(state.next(isAwaited: true).text == "fetch")
        _ = state.fetched(nil)
        #expect(state.isOpen)
        #expect(state.next(isAwaited: true).text == "hand out 1")
        state.quarantineHasMessages()
        #expect(!state.isOpen)
    }
}
