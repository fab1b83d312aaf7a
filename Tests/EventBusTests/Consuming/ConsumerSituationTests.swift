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

    @Test(arguments: [1, 4])
    func aSleepingEventThatFillsOneOfSeveralShardsIsANote(shards: Int) {
        var backlog = BacklogState(ordering: .perKey)
        let message = Message(id: "m", topic: "t", time: Stamp.next().time, orderingKey: "a", body: [])
        let tags: [UInt64] = [1, 2]
        backlog.add(tags.map { Delivery(id: Delivery.ID(generation: 1, tag: $0), message: message) })
        let jobs = backlog.take(limit: 1)
        backlog.hold(jobs[0], until: .seconds(1))
        let options = ConsumerOptions(ordering: .perKey, shards: shards, prefetch: 2 * shards)
        let situation = ConsumerSituation(backlog, inHand: 0, [], options)
        let (problems, notes) = (situation.problems(unsettledFor: .zero), situation.notes)
        #expect(problems == (shards == 1 ? ["is stalled by ordering key a"] : []))
        #expect(notes == (shards == 1 ? [] : ["has a shard that is stalled by ordering key a"]))
    }
}
