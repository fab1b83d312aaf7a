// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import demo

@Suite("Journey")
struct JourneyTests {
    static let committed = JourneyStep.committed(
        store: "Users",
        writes: [.row(table: "users"), .outbox("user.created")]
    )
    static let published = JourneyStep.published("user.created", body: "{}")
    static let confirmed = JourneyStep.acknowledged("user.created", .confirmed)
    static let received = JourneyStep.received("user.created", subscription: "payments.accounts")
    static let opened = JourneyStep.committed(store: "Payments", writes: [.inbox, .outbox("payment.account.opened")])
    static let publishedEnd = JourneyStep.published("payment.account.opened", body: "{}")
    static let confirmedEnd = JourneyStep.acknowledged("payment.account.opened", .confirmed)
    static let answered = JourneyStep.answered(status: "201 Created")

    /// Notes steps, each a millisecond after the one before, and returns those that are reported.
    static func reported(_ journey: inout Journey, _ steps: [JourneyStep], key: String? = "ada") -> [JourneyStep] {
        var reported: [JourneyStep] = []
        for (number, step) in steps.enumerated() {
            let moment = Journey.Moment(step: step, time: .milliseconds(number))
            let isOwn = step == Self.committed || step == Self.answered
            reported += journey.note(moment, key: key, isOwnTask: isOwn).map(\.step)
        }
        return reported
    }

    @Test("steps of other tasks belong to it by their key")
    func key() {
        var journey = Journey()
        journey.learn(key: "ada")
        #expect(Self.reported(&journey, [Self.committed, Self.published]) == [Self.committed, Self.published])
        #expect(Self.reported(&journey, [Self.received], key: "grace").isEmpty)
        #expect(Self.reported(&journey, [Self.received], key: nil).isEmpty)
        #expect(Self.reported(&journey, [Self.received]) == [Self.received])
    }

    @Test("an effect that is heard of before its cause waits for it")
    func causality() {
        var journey = Journey()
        journey.learn(key: "ada")
        let heard = [
            Self.confirmedEnd, Self.publishedEnd, Self.opened, Self.received, Self.published, Self.committed,
            Self.confirmed,
        ]
        #expect(
            Self.reported(&journey, heard) == [
                Self.committed, Self.published, Self.received, Self.opened, Self.publishedEnd, Self.confirmedEnd,
                Self.confirmed,
            ]
        )
    }

    @Test("times never go back")
    func times() {
        var journey = Journey()
        journey.learn(key: "ada")
        let early = Journey.Moment(step: Self.published, time: .milliseconds(1))
        let late = Journey.Moment(step: Self.committed, time: .milliseconds(2))
        #expect(journey.note(early, key: "ada", isOwnTask: false).isEmpty)
        let reported = journey.note(late, key: "ada", isOwnTask: true)
        #expect(reported.map(\.time) == [.milliseconds(2), .milliseconds(2)])
    }

    @Test(
        "it is over when the request is answered and the last event confirmed, in any order",
        arguments: [true, false]
    )
    func end(_ isAnsweredFirst: Bool) {
        var journey = Journey()
        journey.learn(key: "ada")
        let way = [Self.committed, Self.published, Self.received, Self.opened, Self.publishedEnd]
        _ = Self.reported(&journey, way)
        let ends = [Self.answered, Self.confirmedEnd]
        for step in isAnsweredFirst ? ends : ends.reversed() {
            #expect(!journey.isOver)
            #expect(Self.reported(&journey, [step]) == [step])
        }
        #expect(journey.isOver)
        #expect(Self.reported(&journey, [Self.received]).isEmpty)
    }

    @Test("a request that is refused ends it")
    func refused() {
        var journey = Journey()
        let moment = Journey.Moment(step: .answered(status: "409 Conflict"), time: .zero)
        #expect(journey.note(moment, key: nil, isOwnTask: true) == [moment])
        #expect(journey.isOver)
    }
}
