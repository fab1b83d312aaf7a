// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@Suite("Names and numbers of a subscription")
struct SubscriptionTests {
    @Test(arguments: [
        "a", "payments.accounts", "A-b_c.9", "retry.x", "x.retry", "x.dead.y", "amqp.x", "x.retry.1s", "1",
        String(repeating: "x", count: 200),
    ])
    func validNames(name: String) throws {
        #expect(try SubscriptionName(name).description == name)
    }

    @Test(arguments: [
        "", "a b", "ä", "a/b", "a*", "a\n", "amq.x", "amq", "x.dead", "x.quarantine", "x.retry.1", "x.retry.86400",
        "x.shards", "x.shard.01", "x.shard.2",
        String(repeating: "x", count: 201),
    ])
    func invalidNames(name: String) {
        let error = #expect(throws: BusError.self) { try SubscriptionName(name) }
        #expect(error?.code == .invalidSubscription)
    }

    @Test(arguments: [(0, false), (1, true), (2000, true), (2001, false), (-1, false)])
    func thePrefetchHasARange(prefetch: Int, isValid: Bool) {
        let made = try? Subscription("s", patterns: ["#"], prefetch: prefetch)
        #expect((made != nil) == isValid)
    }

    @Test(arguments: [(0, false), (1, true), (.max, true), (-1, false)])
    func thePrefetchInBytesHasARange(bytes: Int, isValid: Bool) {
        let made = try? Subscription("s", patterns: ["#"], prefetchBytes: bytes)
        #expect((made != nil) == isValid)
    }

    @Test(arguments: [(0, false), (1, true), (64, true), (65, false), (-1, false)])
    func theNumberOfShardsHasARange(shards: Int, isValid: Bool) {
        let made = try? Subscription("s", patterns: ["#"], ordering: .perKey, shards: shards)
        #expect((made != nil) == isValid)
        #expect((ConsumerOptions(ordering: .perKey, shards: shards).problem == nil) == isValid)
    }

    @Test func onlyAnOrderedSubscriptionHasShards() {
        let error = #expect(throws: BusError.self) { try Subscription("s", patterns: ["#"], shards: 2) }
        #expect(error?.code == .invalidSubscription)
        #expect(error?.message == "subscription s: shards is 2, must be 1 without per-key order")
    }

    @Test func shardsShareWhatMayBeUnsettledAndTheirNamesSortLikeTheirNumbers() throws {
        let whole = try Subscription("s", patterns: ["#"], prefetchBytes: 100, ordering: .perKey, shards: 12)
        let shards = (0..<12).map { whole.shard($0) }
        #expect(shards.map(\.name.description).sorted() == shards.map(\.name.description))
        #expect(shards[0].name.description == "s.shard.01")
        #expect(shards[11].name.description == "s.shard.12")
        #expect(shards.allSatisfy { $0.name.base == whole.name && $0.shards == 1 && $0.ordering == .perKey })
        #expect(shards.allSatisfy { $0.prefetch == 6 && $0.prefetchBytes == 9 }, "64 and 100 bytes among 12")
        let small = try Subscription("s", patterns: ["#"], prefetch: 1, prefetchBytes: 1, ordering: .perKey, shards: 64)
        #expect(small.shard(63).prefetch == 1 && small.shard(63).prefetchBytes == 1)
        #expect(SubscriptionName("s.shard").base == "s.shard")
    }

    @Test func aSubscriptionHearsSomething() {
        let error = #expect(throws: BusError.self) { try Subscription("s", patterns: []) }
        #expect(error?.code == .invalidSubscription)
    }

    @Test func aDelayIsOneOfTheLadder() {
        let error = #expect(throws: BusError.self) {
            try Subscription("s", patterns: ["#"], retryDelays: [.seconds(1), .seconds(5)])
        }
        #expect(error?.code == .invalidSubscription)
        #expect(
            error?.message
                == "subscription s: retry delay is 5.0 seconds, must be one of the ladder's 1, 10, 120, 600, 3600, 21600, 86400 s"
        )
    }

    @Test func delaysAreSortedAndNoneIsThereTwice() throws {
        let delays: [Duration] = [.seconds(600), .seconds(1), .seconds(600)]
        let subscription = try Subscription("s", patterns: ["#"], retryDelays: delays)
        #expect(subscription.retryDelays == [.seconds(1), .seconds(600)])
        #expect(try Subscription("s", patterns: ["#"]).retryDelays == RetryLadder.delays)
    }

    @Test(arguments: [(0.0, 1), (1, 1), (300, 1), (300.5, 1), (300.6, 600), (600, 600), (1e9, 600)])
    func aRetryWaitsForTheNearestDelayOfItsSubscription(wanted: Double, given: Int) throws {
        let subscription = try Subscription("s", patterns: ["#"], retryDelays: [.seconds(1), .seconds(600)])
        #expect(subscription.retryDelay(nearestTo: .seconds(wanted)) == .seconds(given))
    }

    @Test func aRetryWithoutAnyDelayTraps() async {
        await #expect(processExitsWith: .failure) {
            _ = try Subscription("s", patterns: ["#"], retryDelays: []).retryDelay(nearestTo: .seconds(1))
        }
    }
}
