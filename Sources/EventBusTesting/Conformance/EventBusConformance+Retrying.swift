// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension EventBusConformance {
    static let firstFailure = Date(timeIntervalSince1970: 1_767_225_601.25)

    static let retrying: [Case] = [
        Case("a retry arrives after its delay and not before") { scene in
            let subscription = try scene.subscription()
            let clock: any Clock<Duration> = scene.harness.clock
            let timeline = RelativeClock(clock)
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                let first = try await inbox.take("m1")[0]
                let failedAt = timeline.now()
                inbox.settle(first, .retry(after: .seconds(1), Failures(count: 1, firstAt: Self.firstFailure)))
                try await scene.publish("m2")
                inbox.settle(try await inbox.take("m2"), .done)
                try await scene.harness.pass(.seconds(1))
                let again = try await inbox.take("m1")[0]
                let waited = timeline.now() - failedAt
                try expect("the retry comes after 1 s, not after \(waited)", waited >= .seconds(1))
                inbox.settle(again, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("a retry waits for the nearest delay that its subscription has, whatever the verdict says") { scene in
            let subscription = try scene.subscription(retryDelays: [.seconds(3600), .seconds(1)])
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                for delay in [Duration.seconds(1800), .seconds(10), .zero] {
                    inbox.settle(try await inbox.take("m1")[0], .retry(after: delay, Failures(count: 1)))
                    try await inbox.flush()
                    try await scene.harness.pass(.seconds(1))
                }
                inbox.settle(try await inbox.take("m1"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("a subscription opens with other delays than before, and what waits for one of those still comes") {
            scene in
            let subscription = try scene.subscription(retryDelays: [.seconds(1), .seconds(10)])
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                inbox.settle(try await inbox.take("m1")[0], .retry(after: .seconds(1), Failures(count: 1)))
                try await inbox.flush()
            }
            for delays in [[], [.seconds(600)], [.seconds(1), .seconds(86400)]] as [[Duration]] {
                try await scene.declare(try scene.subscription(retryDelays: delays))
            }
            try await scene.open(try scene.subscription(retryDelays: [])) { inbox in
                try await scene.harness.pass(.seconds(1))
                inbox.settle(try await inbox.take("m1"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("failures survive the retry, and returns start again at zero") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                _ = try await inbox.take("m1")
            }
            let failures = Failures(count: 2, firstAt: Self.firstFailure, lastReason: "no account \u{e4}\u{1F4A5}")
            try await scene.open(subscription) { inbox in
                let returned = try await inbox.take("m1")[0]
                try expect("returns", returned.returns, 1)
                inbox.settle(returned, .retry(after: .seconds(1), failures))
                try await inbox.flush()
                try await scene.harness.pass(.seconds(1))
                let again = try await inbox.take("m1")[0]
                try expect("failures", again.failures, failures)
                // They have been counted as failures by then.
                try expect("returns", again.returns, 0)
            }
            try await scene.open(subscription) { inbox in
                let returned = try await inbox.take("m1")[0]
                try expect("failures after the scope ended", returned.failures, failures)
                try expect("returns after the scope ended", returned.returns, 1)
                inbox.settle(
                    returned,
                    .retry(after: .seconds(1), Failures(count: 4, firstAt: failures.firstAt))
                )
                try await inbox.flush()
                try await scene.harness.pass(.seconds(1))
                let again = try await inbox.take("m1")[0]
                try expect(
                    "failures after the second retry",
                    again.failures,
                    Failures(count: 4, firstAt: failures.firstAt)
                )
                inbox.settle(again, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("the reason of the last failure is kept with at most 255 bytes of UTF-8, and no character is cut in two") {
            scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                let first = try await inbox.take("m1")[0]
                let reason = "x" + String(repeating: "\u{e4}", count: 200)
                inbox.settle(first, .retry(after: .seconds(1), Failures(count: 1, lastReason: reason)))
                try await inbox.flush()
                try await scene.harness.pass(.seconds(1))
                let again = try await inbox.take("m1")[0]
                try expect("reason", again.failures.lastReason, "x" + String(repeating: "\u{e4}", count: 127))
                inbox.settle(again, .done)
                try await inbox.flush()
            }
        },
        Case("a retry changes nothing in the message") { scene in
            let subscription = try scene.subscription()
            let message = try Self.fullMessage(scene)
            try await scene.open(subscription) { inbox in
                try await scene.publish([message])
                for round in 1...2 {
                    let delivery = try await inbox.take("full")[0]
                    try expectSame(delivery.message, message)
                    inbox.settle(delivery, .retry(after: .seconds(1), Failures(count: round)))
                    try await inbox.flush()
                    try await scene.harness.pass(.seconds(1))
                }
                let last = try await inbox.take("full")[0]
                try expectSame(last.message, message)
                inbox.settle(last, .done)
                try await inbox.flush()
            }
        },
        Case("a retry goes only to the subscription that asked for it") { scene in
            let first = try scene.subscription("first")
            let second = try scene.subscription("second")
            try await scene.declare(first, second)
            try await scene.publish("m1")
            try await scene.open(second) { inbox in
                inbox.settle(try await inbox.take("m1"), .done)
                try await inbox.flush()
            }
            try await scene.open(first) { inbox in
                inbox.settle(try await inbox.take("m1")[0], .retry(after: .seconds(1), Failures(count: 1)))
                try await inbox.flush()
                try await scene.harness.pass(.seconds(1))
                inbox.settle(try await inbox.take("m1"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(second)
        },
        Case("a retry outlives the scope that asked for it") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                inbox.settle(try await inbox.take("m1")[0], .retry(after: .seconds(1), Failures(count: 1)))
                try await inbox.flush()
            }
            try await scene.open(subscription) { inbox in
                try await scene.harness.pass(.seconds(1))
                let again = try await inbox.take("m1")[0]
                try expect("failures", again.failures.count, 1)
                inbox.settle(again, .done)
                try await inbox.flush()
            }
        },
        Case("a retry that one consumer asked for reaches another that waits") { scene in
            let subscription = try scene.subscription(prefetch: 1)
            try await scene.open(subscription) { waiting in
                try await scene.publish("m1")
                let first = try await waiting.take("m1")
                let isWaiting = Signal()
                async let again = {
                    await isWaiting.wait()
                    return try await waiting.take("m2")
                }()
                try await scene.open(subscription) { leaving in
                    try await scene.publish("m2")
                    let second = try await leaving.take("m2")[0]
                    waiting.settle(first, .done)
                    try await waiting.flush()
                    isWaiting.raise()
                    leaving.settle(second, .retry(after: .seconds(1), Failures(count: 1)))
                    try await leaving.flush()
                }
                try await scene.harness.pass(.seconds(1))
                waiting.settle(try await again, .done)
                try await waiting.flush()
            }
        },
        Case("a retry that is due comes after what waits by then") { scene in
            let subscription = try scene.subscription(prefetch: 1)
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                let first = try await inbox.take("m1")[0]
                try await scene.publish("m2", "m3", "m4")
                inbox.settle(first, .retry(after: .seconds(1), Failures(count: 1)))
                try await inbox.flush()
                let second = try await inbox.take("m2")
                try await scene.harness.pass(.seconds(1))
                inbox.settle(second, .done)
                for label in ["m3", "m4", "m1"] { inbox.settle(try await inbox.take(label), .done) }
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("retries with one delay come back in the order of their verdicts") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1", "m2", "m3")
                let deliveries = try await inbox.take("m1", "m2", "m3")
                for index in [1, 2, 0] {
                    inbox.settle(deliveries[index], .retry(after: .seconds(1), Failures(count: 1)))
                }
                try await inbox.flush()
                try await scene.harness.pass(.seconds(1))
                inbox.settle(try await inbox.take("m2", "m3", "m1"), .done)
                try await inbox.flush()
            }
        },
    ]
}
