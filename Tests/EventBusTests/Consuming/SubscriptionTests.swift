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

    @Test func aSubscriptionHearsSomething() {
        let error = #expect(throws: BusError.self) { try Subscription("s", patterns: []) }
        #expect(error?.code == .invalidSubscription)
    }
}
