// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("What the health tells about publishing")
struct LaneActivityTests {
    private static func time(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }

    @Test("Nothing confirmed for ten seconds while messages are tried is a problem, with figures, until something is")
    func silence() {
        var activity = LaneActivity(.events)
        #expect(activity.problems(now: Self.time(100)) == [])
        activity.tried(open: 3, now: Self.time(100))
        #expect(activity.problems(now: Self.time(109)) == [])
        #expect(activity.problems(now: Self.time(110)) == ["no event was confirmed for 10 s, waiting: 3"])
        activity.failed(.unknown, open: 0, now: Self.time(130))
        let text = "no event was confirmed for 35 s, waiting: 0; the last one: the broker does not answer"
        #expect(activity.problems(now: Self.time(135)) == [text])
        activity.tried(open: 1, now: Self.time(136))
        activity.failed(.refused(reason: "full"), open: 0, now: Self.time(137))
        let refused = "no event was confirmed for 37 s, waiting: 0; the last one: full"
        #expect(activity.problems(now: Self.time(137)) == [refused])
        activity.tried(open: 2, now: Self.time(138))
        activity.confirmed(open: 1, now: Self.time(139))
        #expect(activity.problems(now: Self.time(148)) == [])
        #expect(activity.problems(now: Self.time(149)) == ["no event was confirmed for 10 s, waiting: 1"])
        activity.confirmed(open: 0, now: Self.time(150))
        #expect(activity.problems(now: Self.time(500)) == [])
    }

    @Test("When nobody tries any more there is nothing to tell, and the time begins anew with the next one")
    func abandoned() {
        var activity = LaneActivity(.events)
        activity.tried(open: 1, now: Self.time(0))
        activity.failed(.unknown, open: 0, now: Self.time(30))
        #expect(activity.problems(now: Self.time(59)).count == 1)
        #expect(activity.problems(now: Self.time(60)) == [])
        activity.tried(open: 1, now: Self.time(100))
        #expect(activity.problems(now: Self.time(109)) == [])
        #expect(activity.problems(now: Self.time(110)).count == 1)
    }

    @Test("What was refused without asking the broker tells nothing about it")
    func dismissed() {
        var activity = LaneActivity(.events)
        activity.tried(open: 1, now: Self.time(0))
        activity.dismissed(open: 0)
        #expect(activity.problems(now: Self.time(15)) == [])
    }

    @Test("Why the broker has closed a channel is told until something is confirmed, and of copies only that")
    func closed() {
        var activity = LaneActivity(.copies)
        activity.tried(open: 1, now: Self.time(0))
        #expect(activity.problems(now: Self.time(20)) == [])
        activity.closed("403 no", now: Self.time(20))
        activity.closed("403 again", now: Self.time(25))
        let text = "for 10 s the broker has not let retries and dead letters be published: 403 again"
        #expect(activity.problems(now: Self.time(30)) == [text])
        activity.confirmed(open: 0, now: Self.time(31))
        #expect(activity.problems(now: Self.time(31)) == [])
    }

    @Test("What the broker refuses and what was replaced are notes")
    func notes() {
        var activity = LaneActivity(.events)
        activity.refused = [
            "orders.placed": .init(since: Self.time(0), last: Self.time(20), count: 7),
            "orders.new": .init(since: Self.time(15), last: Self.time(20), count: 1),
        ]
        activity.replaced("channel", because: "no", now: Self.time(10))
        #expect(
            activity.notes(now: Self.time(20)) == [
                "orders.placed: the broker has refused every message for 20 s, 7 in all",
                "the channel for events was replaced 10 s ago: no",
            ]
        )
        #expect(activity.notes(now: Self.time(70)) == [])
    }
}
