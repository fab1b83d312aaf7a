// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

@Suite("Retry policies and the ladder")
struct RetryPolicyTests {
    @Test(arguments: [
        (-5, 1), (0, 1), (1, 1), (2.9, 1), (3, 1), (3.1, 5), (5, 5), (17.5, 5), (17.6, 30), (75, 30), (75.1, 120),
        (360, 120), (361, 600), (2100, 600), (2101, 3600), (12_600, 3600), (12_601, 21_600), (54_000, 21_600),
        (54_001, 86_400), (86_400, 86_400), (1e9, 86_400),
    ])
    func aDelayMovesToTheNearestRung(seconds: Double, rung: Int) {
        #expect(RetryLadder.nearest(to: .seconds(seconds)) == .seconds(rung))
    }

    @Test func everyRungIsItsOwnNearest() {
        #expect(RetryLadder.delays.map(RetryLadder.nearest(to:)) == RetryLadder.delays)
        #expect(RetryLadder.delays == RetryLadder.delays.sorted())
    }

    @Test(arguments: [
        (RetryPolicy.standard, [1, 5, 30, 120, 600, 3600, 21_600, 86_400, 86_400]),
        (RetryPolicy(firstDelay: .seconds(1), factor: 1), [1, 1, 1]),
        (RetryPolicy(firstDelay: .seconds(30), factor: 10, cap: .seconds(600)), [30, 120, 600, 600]),
        (RetryPolicy(firstDelay: .zero, factor: 10), [1, 1, 1]),
        (RetryPolicy(firstDelay: .seconds(100), cap: .seconds(10)), [5, 5]),
        (RetryPolicy(firstDelay: .seconds(1), factor: 1e300), [1, 86_400, 86_400]),
        (RetryPolicy(firstDelay: .seconds(1), factor: .infinity), [1, 86_400, 86_400]),
        (RetryPolicy(firstDelay: .seconds(1), factor: 5, cap: .seconds(Int64.max)), [1, 5, 30, 120, 600]),
    ])
    func delaysClimbTheLadder(policy: RetryPolicy, seconds: [Int]) {
        #expect((1...seconds.count).map(policy.delay(afterFailures:)) == seconds.map { .seconds($0) })
    }

    @Test func aThousandFailuresWaitNoLongerThanTheCap() {
        #expect(RetryPolicy.standard.delay(afterFailures: 1000) == .seconds(86_400))
        #expect(RetryPolicy.standard.delay(afterFailures: 0) == .seconds(1))
    }

    @Test func valuesOutOfRangeAreMovedIntoIt() {
        let policy = RetryPolicy(attempts: -1, firstDelay: .seconds(-1), factor: .nan, cap: .seconds(-1))
        #expect(policy.attempts == 1 && policy.firstDelay == .zero && policy.factor == 1 && policy.cap == .zero)
        #expect(RetryPolicy.never.attempts == 1)
    }
}
