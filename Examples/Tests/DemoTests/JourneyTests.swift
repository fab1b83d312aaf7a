// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import demo

@Suite("Journey")
struct JourneyTests {
    static let confirmedEnd = Step.acknowledged("payment.account.opened", .confirmed)

    @Test("steps of other tasks belong to it once its transaction has told the key")
    func key() {
        var journey = Journey()
        let received = Step.received("user.created", subscription: "payments.accounts")
        #expect(!journey.note(received, key: "ada", isOwnTask: false))
        #expect(journey.note(.committed(store: "Users", writes: []), key: "ada", isOwnTask: true))
        #expect(journey.note(received, key: "ada", isOwnTask: false))
        #expect(!journey.note(received, key: "grace", isOwnTask: false))
        #expect(!journey.note(received, key: nil, isOwnTask: false))
    }

    @Test(
        "it is over when the request is answered and the last event confirmed, in any order",
        arguments: [true, false]
    )
    func end(_ isAnsweredFirst: Bool) {
        var journey = Journey()
        _ = journey.note(.committed(store: "Users", writes: []), key: "ada", isOwnTask: true)
        let steps: [(Step, Bool)] = [(.answered(status: "201 Created"), true), (Self.confirmedEnd, false)]
        for (step, isOwn) in isAnsweredFirst ? steps : steps.reversed() {
            #expect(!journey.isOver)
            #expect(journey.note(step, key: "ada", isOwnTask: isOwn))
        }
        #expect(journey.isOver)
        #expect(!journey.note(Self.confirmedEnd, key: "ada", isOwnTask: false))
    }

    @Test("a request that is refused ends it")
    func refused() {
        var journey = Journey()
        #expect(journey.note(.answered(status: "409 Conflict"), key: nil, isOwnTask: true))
        #expect(journey.isOver)
    }
}
