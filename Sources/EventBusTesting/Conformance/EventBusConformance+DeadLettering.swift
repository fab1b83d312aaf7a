// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension EventBusConformance {
    static let deadLettering: [Case] = [
        Case("a dead letter keeps the message, the reason and the time of the first failure") { scene in
            let subscription = try scene.subscription()
            let message = try Self.fullMessage(scene)
            let failures = Failures(count: 5, firstAt: Self.firstFailure, lastReason: "field user_id is missing")
            let reason = "field user_id is missing: \u{e4}\u{1F4A5} \"quoted\"\n" + String(repeating: "x", count: 900)
            let before = Stamp.next().time
            try await scene.open(subscription) { inbox in
                try await scene.publish([message])
                inbox.settle(try await inbox.take("full")[0], .deadLetter(reason: reason, failures))
                try await inbox.flush()
            }
            let letter = try await scene.deadLetters(of: subscription, "full")[0]
            try expectSame(letter.message, message)
            try expect("reason", letter.reason, reason)
            try expect("failures", letter.failures, failures)
            // Some brokers have a resolution of whole seconds.
            let range = before.addingTimeInterval(-1)...Stamp.next().time.addingTimeInterval(1)
            try expect("the time of death is now, not \(letter.deadAt)", range.contains(letter.deadAt))
            try await scene.expectNothing(subscription)
        },
        Case("a message that never failed can become a dead letter") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                inbox.settle(try await inbox.take("m1")[0], .deadLetter(reason: "", Failures()))
                try await inbox.flush()
            }
            let letter = try await scene.deadLetters(of: subscription, "m1")[0]
            try expect("failures", letter.failures, Failures())
            try expect("reason", letter.reason, "")
        },
        Case("the reason of a dead letter is kept with at most 2,000 bytes of UTF-8") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                let reason = "x" + String(repeating: "\u{e4}", count: 2000)
                inbox.settle(try await inbox.take("m1")[0], .deadLetter(reason: reason, Failures(count: 1)))
                try await inbox.flush()
            }
            let letter = try await scene.deadLetters(of: subscription, "m1")[0]
            try expect("reason", letter.reason, "x" + String(repeating: "\u{e4}", count: 999))
        },
        Case("a message can become a dead letter after retries and returns") { scene in
            let subscription = try scene.subscription()
            let message = try Self.fullMessage(scene)
            try await scene.open(subscription) { inbox in
                try await scene.publish([message])
                inbox.settle(try await inbox.take("full")[0], .retry(after: .seconds(1), Failures(count: 1)))
                try await inbox.flush()
                try await scene.harness.pass(.seconds(1))
                _ = try await inbox.take("full")
            }
            try await scene.open(subscription) { inbox in
                let delivery = try await inbox.take("full")[0]
                try expectSame(delivery.message, message)
                inbox.settle(delivery, .deadLetter(reason: "gone", Failures(count: 3)))
                try await inbox.flush()
            }
            let letter = try await scene.deadLetters(of: subscription, "full")[0]
            try expectSame(letter.message, message)
            try expect("failures", letter.failures.count, 3)
            try await scene.expectNothing(subscription)
        },
        Case("each subscription has its own dead letters, in the order of their verdicts") { scene in
            let first = try scene.subscription("first")
            let second = try scene.subscription("second")
            try await scene.declare(first, second)
            try await scene.publish("m1", "m2")
            try await scene.open(first) { inbox in
                let deliveries = try await inbox.take("m1", "m2")
                for delivery in deliveries.reversed() {
                    inbox.settle(delivery, .deadLetter(reason: "first", Failures(count: 1)))
                }
                try await inbox.flush()
            }
            try await scene.open(second) { inbox in
                let deliveries = try await inbox.take("m1", "m2")
                inbox.settle(deliveries[0], .done)
                inbox.settle(deliveries[1], .deadLetter(reason: "second", Failures(count: 1)))
                try await inbox.flush()
            }
            _ = try await scene.deadLetters(of: first, "m2", "m1")
            let letters = try await scene.deadLetters(of: second, "m2")
            try expect("reason", letters[0].reason, "second")
        },
    ]
}
