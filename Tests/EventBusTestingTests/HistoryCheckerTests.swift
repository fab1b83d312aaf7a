// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("The history checker")
struct HistoryCheckerTests {
    private static let topic: Topic = "greeted"
    private static let name: SubscriptionName = "greeter"

    private static func check(
        ordering: Ordering = .none,
        hasEffects: Bool = false,
        _ records: [History.What]
    ) -> [String] {
        let history = History { .zero }
        for record in records { history.record(record, at: "test") }
        let consumer = HistoryChecker.Consumer(
            Self.name,
            topics: [Self.topic],
            ordering: ordering,
            attempts: 2,
            hasEffects: hasEffects
        )
        return HistoryChecker([consumer]).violations(in: history).map(\.rule)
    }

    private static func event(_ id: String, of source: String = "/test") -> EventIdentity {
        EventIdentity(source: source, id: id)
    }
    private static func committed(_ id: String, key: String? = nil) -> History.What {
        .committed(Self.event(id), Self.topic, key: key)
    }
    private static func published(_ id: String) -> History.What { .published(Self.event(id), Self.topic) }
    private static func delivered(_ id: String, returns: Int = 0) -> History.What {
        .delivered(Self.name, Self.event(id), failures: 0, returns: returns, redrives: 0)
    }
    private static func started(_ id: String) -> History.What { .started(Self.name, Self.event(id)) }
    private static func handled(_ id: String) -> History.What { .handled(Self.name, Self.event(id)) }
    private static func dead(_ id: String, reason: String = "too bad") -> [History.What] {
        [
            .settled(Self.name, Self.event(id), .deadLetter(reason: reason, Failures(count: 2))),
            .deadLettered(Self.name, Self.event(id), reason: reason, attempts: 2),
        ]
    }

    @Test("An event that was handled once is as it should be")
    func allIsWell() {
        let records = [
            Self.committed("a"), Self.published("a"), Self.delivered("a"), Self.started("a"), Self.handled("a"),
        ]
        #expect(Self.check(records) == [])
        #expect(Self.check(hasEffects: true, records + [.effect(Self.name, Self.event("a"))]) == [])
    }

    @Test(
        "A broken promise has a name",
        arguments: [
            ("lost", [committed("a")]),
            ("lost", [committed("a"), published("a"), delivered("a"), started("a"), .failed(name, event("a"))]),
            ("doubled", [committed("a"), handled("a"), handled("a")]),
            ("invented", [published("a")]),
            ("invented", [committed("b"), handled("b"), delivered("a")]),
            ("invented", [published("a"), committed("a"), handled("a")]),
            ("attempts", [committed("a"), delivered("a"), started("a"), started("a"), started("a"), handled("a")]),
            ("attempts", [committed("a"), delivered("a")] + dead("a")),
            ("attempts", [committed("a"), delivered("a"), started("a")] + dead("a")),
            (
                "attempts",
                [committed("a"), delivered("a"), started("a"), .unfinished(name, event("a")), started("a")] + dead("a")
            ),
            ("dead letter", [committed("a"), delivered("a"), started("a"), started("a")] + dead("a", reason: "")),
            (
                "dead letter",
                [committed("a"), delivered("a"), started("a"), started("a")] + dead("a").suffix(1)
            ),
            ("doubled", [committed("a"), delivered("a"), started("a"), started("a"), handled("a")] + dead("a")),
        ] as [(String, [History.What])]
    )
    func finds(_ rule: String, _ records: [History.What]) {
        #expect(Self.check(records) == [rule])
    }

    @Test("An effect that is there twice, or not at all, is found")
    func effects() {
        let handled = [Self.committed("a"), Self.handled("a")]
        #expect(Self.check(hasEffects: true, handled) == ["lost"])
        #expect(
            Self.check(
                hasEffects: true,
                handled + [.effect(Self.name, Self.event("a")), .effect(Self.name, Self.event("a"))]
            ) == ["doubled"]
        )
    }

    @Test("A start that is made again counts once")
    func unfinishedStarts() {
        let start: [History.What] = [Self.started("a"), .unfinished(Self.name, Self.event("a"))]
        #expect(
            Self.check([Self.committed("a"), Self.delivered("a")] + start + start + start + [Self.handled("a")]) == []
        )
    }

    @Test("A start that a shutdown keeps from being made may be used up")
    func usedUpStarts() {
        let begin = [Self.committed("a"), Self.delivered("a")]
        let end = [Self.started("a")] + Self.dead("a")
        #expect(Self.check(begin + [.givenBack(Self.name, Self.event("a"))] + end) == [])
        #expect(Self.check(begin + end) == ["attempts"])
    }

    @Test("Each fresh copy has a free first start")
    func copies() {
        let starts = Array(repeating: Self.started("a"), count: 3)
        #expect(
            Self.check([Self.committed("a"), Self.delivered("a"), Self.delivered("a")] + starts + [Self.handled("a")])
                == []
        )
    }

    @Test("Events of one key end in the order of their commits, those of several keys as they like")
    func order() {
        let commits = [Self.committed("a", key: "k"), Self.committed("b", key: "k"), Self.committed("c", key: "l")]
        let swapped = commits + [Self.handled("b"), Self.handled("a"), Self.handled("c")]
        #expect(Self.check(ordering: .perKey, swapped) == ["order"])
        #expect(Self.check(swapped) == [])
        #expect(
            Self.check(ordering: .perKey, commits + [Self.handled("c"), Self.handled("a"), Self.handled("b")]) == []
        )
        #expect(Self.check(ordering: .perKey, commits + Self.dead("a") + [Self.handled("b"), Self.handled("c")]) == [])
        let late = commits + [Self.handled("b"), Self.handled("c")] + Self.dead("a")
        #expect(Self.check(ordering: .perKey, late) == ["order"])
    }

    @Test("Events that share an id are told apart by their source, and canonically equal ids by their bytes")
    func identities() {
        let pairs = [
            (Self.event("1", of: "/a"), Self.event("1", of: "/b")),
            (Self.event("\u{e9}"), Self.event("e\u{301}")),
        ]
        for (first, second) in pairs {
            let commits: [History.What] = [
                .committed(first, Self.topic, key: nil), .committed(second, Self.topic, key: nil),
            ]
            #expect(Self.check(commits + [.handled(Self.name, first), .handled(Self.name, second)]) == [])
            #expect(Self.check(commits + [.handled(Self.name, first)]) == ["lost"])
            #expect(
                Self.check(commits + [.handled(Self.name, first), .handled(Self.name, first)]) == ["lost", "doubled"]
            )
        }
    }

    @Test("An event that no handler can take is a dead letter without having been started")
    func unknownEvents() {
        let event = Self.event("a")
        for (reason, rules) in [
            ("no handler for topic greeted", []),
            ("greeted has version 2, this consumer reads up to version 1", []),
            ("too bad", ["attempts", "dead letter"]),
        ] {
            let records: [History.What] = [
                Self.committed("a"), Self.delivered("a"),
                .settled(Self.name, event, .deadLetter(reason: reason, Failures())),
                .deadLettered(Self.name, event, reason: reason, attempts: 0),
            ]
            #expect(Self.check(records) == rules)
        }
    }

    @Test("Where an event must not be given up, a dead letter breaks a promise; what was seen broken stays so")
    func givenUp() {
        let history = History { .zero }
        let seen = Violation("of my own", nil, nil, "was seen")
        let starts = [Self.started("a"), Self.started("a")]
        for record in [Self.committed("a"), Self.delivered("a")] + starts + Self.dead("a") + [.broken(seen)] {
            history.record(record, at: "test")
        }
        func rules(givesUp: Bool) -> [String] {
            let consumer = HistoryChecker.Consumer(Self.name, topics: [Self.topic], attempts: 2, givesUp: givesUp)
            return HistoryChecker([consumer]).violations(in: history).map(\.rule)
        }
        #expect(rules(givesUp: true) == ["of my own"])
        #expect(rules(givesUp: false) == ["of my own", "given up"])
    }
}
