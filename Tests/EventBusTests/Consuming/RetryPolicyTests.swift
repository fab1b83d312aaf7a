// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

@Suite("Retry policies and the ladder")
struct RetryPolicyTests {
    @Test(arguments: [
        (-5, 1), (0, 1), (1, 1), (5.5, 1), (5.6, 10), (10, 10), (65, 10), (65.1, 120), (360, 120), (361, 600),
        (2100, 600), (2101, 3600), (12_600, 3600), (12_601, 21_600), (54_000, 21_600),
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
        (RetryPolicy.standard, [1, 10, 120, 120]),
        (RetryPolicy(cap: .seconds(86_400)), [1, 10, 120, 600, 3600, 86_400, 86_400]),
        (RetryPolicy(firstDelay: .seconds(1), factor: 1), [1, 1, 1]),
        (RetryPolicy(firstDelay: .seconds(30), factor: 10, cap: .seconds(600)), [10, 120, 600, 600]),
        (RetryPolicy(firstDelay: .zero, factor: 10), [1, 1, 1]),
        (RetryPolicy(firstDelay: .seconds(100), cap: .seconds(11)), [10, 10]),
        (RetryPolicy(firstDelay: .seconds(1), factor: 1e300), [1, 120, 120]),
        (RetryPolicy(firstDelay: .seconds(1), factor: 5, cap: .seconds(Int64.max)), [1, 1, 10, 120, 600, 3600]),
    ])
    func delaysClimbTheLadder(policy: RetryPolicy, seconds: [Int]) {
        #expect((1...seconds.count).map(policy.delay(afterFailures:)) == seconds.map { .seconds($0) })
    }

    @Test func aThousandFailuresWaitNoLongerThanTheCap() {
        #expect(RetryPolicy.standard.delay(afterFailures: 1000) == .seconds(120))
        #expect(RetryPolicy.standard.delay(afterFailures: 0) == .seconds(1))
    }

    @Test(arguments: [
        (ConsumerOptions(), [1, 10, 120]),
        (ConsumerOptions(ordering: .perKey), []),
        (ConsumerOptions(retry: .never), [1, 10, 120]),
        (ConsumerOptions(retry: .never, unknownEvents: .deadLetter), []),
        (ConsumerOptions(retry: .never, unknownEvents: .retry(for: .zero)), []),
        (ConsumerOptions(retry: .never, unknownEvents: .retry(for: .seconds(11))), [1]),
        (ConsumerOptions(retry: .never, unknownEvents: .retry(for: .seconds(12))), [1, 10]),
        (ConsumerOptions(retry: RetryPolicy(attempts: 2), unknownEvents: .ignore), [1]),
        (ConsumerOptions(retry: RetryPolicy(attempts: 3), unknownEvents: .ignore), [1, 10]),
        (ConsumerOptions(retry: RetryPolicy(attempts: 2, firstDelay: .seconds(600))), [1, 10, 120]),
        (
            ConsumerOptions(retry: RetryPolicy(attempts: 2, firstDelay: .seconds(600), cap: .seconds(600))),
            [1, 10, 120, 600]
        ),
        (ConsumerOptions(retry: RetryPolicy(attempts: .max, factor: 1e300), unknownEvents: .ignore), [1, 120]),
        (ConsumerOptions(retry: RetryPolicy(attempts: .max, factor: 1), unknownEvents: .ignore), [1]),
    ])
    func aConsumerDeclaresTheDelaysThatItCanUse(options: ConsumerOptions, seconds: [Int]) throws {
        let subscription = try Subscription("s", patterns: ["a"], retryDelays: options.retryDelays)
        #expect(subscription.retryDelays == seconds.map { .seconds($0) })
    }

    /// What a consumer declares is what it uses: no delay is moved to another one.
    @Test(arguments: 1...40)
    func everyDelayOfAPolicyIsDeclared(attempts: Int) {
        for factor in [1, 1.1, 1.7, 3, 6, 10, 100] {
            for first in [0.0, 1, 7, 60, 5000] {
                let policy = RetryPolicy(
                    attempts: attempts,
                    firstDelay: .seconds(first),
                    factor: factor,
                    cap: .seconds(86_400)
                )
                let used = (1..<attempts).map(policy.delay(afterFailures:))
                #expect(Set(policy.delays) == Set(used))
            }
        }
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
