// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

@Suite("Progress of a consumer")
struct ConsumerSituationTests {
    @Test func aCountThatStandsStillIsMeasuredFromLookToLook() {
        var watch = ProgressWatch()
        #expect(watch.look(0, hasWork: true, now: .seconds(10)) == .zero)
        #expect(watch.look(0, hasWork: true, now: .seconds(15)) == .seconds(5))
        #expect(watch.look(1, hasWork: true, now: .seconds(20)) == .zero)
        #expect(watch.look(1, hasWork: true, now: .seconds(90)) == .seconds(70))
    }

    @Test func whileThereIsNoWorkNothingStandsStill() {
        var watch = ProgressWatch()
        _ = watch.look(3, hasWork: false, now: .seconds(10))
        #expect(watch.look(3, hasWork: false, now: .seconds(900)) == .zero)
        #expect(watch.look(3, hasWork: true, now: .seconds(1000)) == .zero)
        #expect(watch.look(3, hasWork: true, now: .seconds(1001)) == .seconds(1))
    }

    @Test func itIsAProblemWhenNothingIsSettledForTheTimeLimitAndHalfAMinute() {
        let options = ConsumerOptions(timeLimit: .seconds(5))
        let situation = ConsumerSituation(BacklogState(ordering: .none), inHand: 3, [], options)
        #expect(situation.hasWork)
        #expect(situation.problems(unsettledFor: .seconds(34)).isEmpty)
        let problems = situation.problems(unsettledFor: .seconds(35))
        #expect(problems == ["has settled nothing for 35.0 seconds while 3 deliveries were unsettled"])
    }
}
