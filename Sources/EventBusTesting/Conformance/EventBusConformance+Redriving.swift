// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

extension EventBusConformance {
    static let redriving: [Case] = [
        Case("a redriven dead letter arrives unchanged and without failures") { scene in
            let subscription = try scene.subscription()
            let message = try Self.fullMessage(scene)
            try await scene.declare(subscription)
            try await scene.publish([message])
            try await scene.open(subscription) { inbox in _ = try await inbox.take("full") }
            try await scene.open(subscription) { inbox in
                let failures = Failures(count: 5, firstAt: Self.firstFailure, lastReason: "no use")
                let delivery = try await inbox.take("full")[0]
                try expect("redrives before the first", delivery.redrives, 0)
                inbox.settle(delivery, .deadLetter(reason: "no use", failures))
                try await inbox.flush()
            }
            try await scene.redrive(subscription, count: 1)
            _ = try await scene.deadLetters(of: subscription)
            try await scene.open(subscription) { inbox in
                let delivery = try await inbox.take("full")[0]
                try expectSame(delivery.message, message)
                try expect("failures", delivery.failures, Failures())
                try expect("returns", delivery.returns, 0)
                try expect("redrives", delivery.redrives, 1)
                inbox.settle(delivery, .done)
                try await inbox.flush()
            }
            let fence = try await scene.expectNothing(subscription)
            try expect("redrives of a fresh message", fence.redrives, 0)
        },
        Case("a redrive gives only to the subscription that had given up") { scene in
            let first = try scene.subscription("first")
            let second = try scene.subscription("second")
            let third = try scene.subscription("third")
            try await scene.declare(first, second, third)
            try await scene.publish("m1")
            for subscription in [first, second] {
                try await scene.open(subscription) { inbox in
                    inbox.settle(try await inbox.take("m1"), .deadLetter(reason: "no use", Failures(count: 1)))
                    try await inbox.flush()
                }
            }
            try await scene.redrive(first, count: 1)
            try await scene.open(first) { inbox in
                inbox.settle(try await inbox.take("m1"), .done)
                try await inbox.flush()
            }
            _ = try await scene.deadLetters(of: first)
            _ = try await scene.deadLetters(of: second, "m1")
            try await scene.expectNothing(second)
            try await scene.open(third) { inbox in
                inbox.settle(try await inbox.take("m1", "fence"), .done)
                try await inbox.flush()
            }
        },
        Case("what is redriven stands oldest first behind what waits") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("m1", "m2", "m3", of: subscription)
            try await scene.publish("m4", "m5")
            try await scene.redrive(subscription, count: 3)
            try await scene.publish("m6")
            try await scene.open(subscription) { inbox in
                let deliveries = try await inbox.take("m4", "m5", "m1", "m2", "m3", "m6")
                try expect("redrives", deliveries.map(\.redrives), [0, 0, 1, 1, 1, 0])
                inbox.settle(deliveries, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("a redrive wakes a consumer that waits") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("m1", of: subscription)
            try await scene.open(subscription) { inbox in
                async let batch = inbox.next()
                await scene.giveWay()
                try await scene.redrive(subscription, count: 1)
                try await expect("deliveries", inbox.labels(batch), ["m1"])
                inbox.settle(try await batch, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("a redrive looks at no more dead letters than its limit") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("m1", "m2", "m3", "m4", of: subscription)
            try await scene.redrive(subscription, count: 0, limit: 0)
            try await scene.redrive(subscription, count: 1, limit: 1)
            _ = try await scene.deadLetters(of: subscription, "m2", "m3", "m4")
            let seen = Mutex<[String]>([])
            try await scene.redrive(subscription, count: 0, limit: 2) { letter in
                seen.withLock { $0.append(scene.label(of: letter.message)) }
                return false
            }
            try expect("dead letters that were looked at", seen.withLock { $0 }, ["m2", "m3"])
            try await scene.redrive(subscription, count: 2, limit: 2)
            _ = try await scene.deadLetters(of: subscription, "m4")
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("m1", "m2", "m3"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("dead letters that nobody wants back stay where they are, in order") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("m1", "m2", "m3", "m4", of: subscription)
            let before = try await scene.deadLetters(of: subscription, "m1", "m2", "m3", "m4")
            let seen = Mutex<[DeadLetter]>([])
            try await scene.redrive(subscription, count: 2) { letter in
                seen.withLock { $0.append(letter) }
                return ["m2", "m3"].contains(scene.label(of: letter.message))
            }
            try expect("what is looked at is what is listed", seen.withLock { $0 } == before)
            let after = try await scene.deadLetters(of: subscription, "m1", "m4")
            try expect("those that stay are as they were", after == [before[0], before[3]])
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("m2", "m3"), .done)
                try await inbox.flush()
            }
            try await scene.bury("m5", of: subscription)
            _ = try await scene.deadLetters(of: subscription, "m1", "m4", "m5")
        },
        Case("of dead letters of one event the first is redriven and the others are removed") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("twin", "m1", "twin", of: subscription)
            try await scene.redrive(subscription, count: 2)
            _ = try await scene.deadLetters(of: subscription)
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("twin", "m1"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("redrives are counted over retries, returns and further dead letters") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("m1", of: subscription)
            for round in 1...2 {
                try await scene.redrive(subscription, count: 1)
                try await scene.open(subscription) { inbox in
                    let delivery = try await inbox.take("m1")[0]
                    try expect("redrives", delivery.redrives, round)
                    inbox.settle(delivery, .retry(after: .seconds(1), Failures(count: 1)))
                    try await inbox.flush()
                    try await scene.harness.pass(.seconds(1))
                    let again = try await inbox.take("m1")[0]
                    try expect("redrives after a retry", again.redrives, round)
                    try expect("failures after a retry", again.failures.count, 1)
                }
                try await scene.open(subscription) { inbox in
                    let delivery = try await inbox.take("m1")[0]
                    try expect("returns", delivery.returns, 1)
                    try expect("redrives after a return", delivery.redrives, round)
                    inbox.settle(delivery, .deadLetter(reason: "again", Failures(count: 2)))
                    try await inbox.flush()
                }
                let letter = try await scene.deadLetters(of: subscription, "m1")[0]
                try expect("redrives of the dead letter", letter.redrives, round)
                try expect("failures of the dead letter", letter.failures.count, 2)
                try expect("reason of the dead letter", letter.reason, "again")
            }
        },
        Case("a redriven message of an ordered subscription stands behind the later ones of its key") { scene in
            let subscription = try scene.subscription(prefetch: 10, ordering: .perKey)
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1", "m2", "m3", key: "k")
                let deliveries = try await inbox.take("m1", "m2", "m3")
                inbox.settle(deliveries[0], .deadLetter(reason: "no use", Failures(count: 5)))
                try await inbox.flush()
            }
            try await scene.redrive(subscription, count: 1)
            try await scene.open(subscription) { inbox in
                let deliveries = try await inbox.take("m2", "m3", "m1")
                try expect("returns", deliveries.map(\.returns), [1, 1, 0])
                inbox.settle(deliveries, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
    ]
}
