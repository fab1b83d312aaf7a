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
    func aDelayMovesToTheNearestOfTheLadder(seconds: Double, nearest: Int) {
        #expect(RetryLadder.nearest(to: .seconds(seconds)) == .seconds(nearest))
    }

    @Test func everyDelayIsItsOwnNearest() {
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
        (RetryPolicy(firstDelay: .seconds(1), factor: 5, cap: .seconds(Int64.max)), [1, 5, 30, 120, 600]),
    ])
    func delaysClimbTheLadder(policy: RetryPolicy, seconds: [Int]) {
        #expect((1...seconds.count).map(policy.delay(afterFailures:)) == seconds.map { .seconds($0) })
    }

    @Test func aThousandFailuresWaitNoLongerThanTheCap() {
        #expect(RetryPolicy.standard.delay(afterFailures: 1000) == .seconds(86_400))
        #expect(RetryPolicy.standard.delay(afterFailures: 0) == .seconds(1))
    }

    @Test func neverIsOneAttempt() {
        #expect(RetryPolicy.never.attempts == 1)
    }

    @Test(arguments: [0, 1, 2, 3, 4])
    func valuesOutOfRangeTrap(place: Int) async {
        await #expect(processExitsWith: .failure) { [place] in
            switch place {
            case 0: _ = RetryPolicy(attempts: 0)
            case 1: _ = RetryPolicy(firstDelay: .seconds(-1))
            case 2: _ = RetryPolicy(factor: .nan)
            case 3: _ = RetryPolicy(factor: .infinity)
            default: _ = RetryPolicy(cap: .seconds(-1))
            }
        }
    }
}
