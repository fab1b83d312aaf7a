// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

extension EventBusConformance {
    static let returning: [Case] = [
        Self.thirtyReturns(.none),
        Self.thirtyReturns(.perKey),
        Case("what is unsettled when a scope ends comes back with a return counted") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                _ = try await inbox.take("m1")
            }
            try await scene.open(subscription) { inbox in
                let delivery = try await inbox.take("m1")[0]
                try expect("returns", delivery.returns, 1)
                try expect("redelivered", delivery.isRedelivered)
                try expect("failures", delivery.failures, Failures())
                inbox.settle(delivery, .done)
                try await inbox.flush()
            }
            let fence = try await scene.expectNothing(subscription)
            try expect("returns of a fresh message", fence.returns, 0)
        },
        Case("what came back stands in front, in its old order") { scene in
            let subscription = try scene.subscription(prefetch: 3)
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2", "m3", "m4", "m5")
            try await scene.open(subscription) { inbox in _ = try await inbox.take("m1", "m2", "m3") }
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("m1", "m2", "m3"), .done)
                inbox.settle(try await inbox.take("m4", "m5"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("what came back once is handed out side by side, what came back twice alone") { scene in
            let subscription = try scene.subscription()
            try await scene.declare(subscription)
            let labels = (1...9).map { "m\($0)" }
            try await scene.publish(labels.map { try scene.message($0) })
            for returns in 0...1 {
                try await scene.open(subscription) { inbox in
                    let taken = try await inbox.take(count: labels.count)
                    try expect("deliveries", inbox.labels(taken), labels)
                    try expect("returns", taken.map(\.returns), labels.map { _ in returns })
                }
            }
            try await scene.open(subscription) { inbox in
                for label in labels {
                    let delivery = try await inbox.takeAlone(label)
                    try expect("returns of \(label)", delivery.returns, 2)
                    inbox.settle(delivery, .done)
                }
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("a message that came back twice is handed out alone") { scene in
            let subscription = try scene.subscription()
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2")
            try await scene.abandon("m1", "m2", of: subscription, times: 2)
            try await scene.publish("m3", "m4")
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.takeAlone("m1"), .done)
                let second = try await inbox.takeAlone("m2")
                let isSettled = Mutex(false)
                async let next = { (try await inbox.next(), isSettled.withLock { $0 }) }()
                try await scene.publish("m5")
                await scene.giveWay()
                isSettled.withLock { $0 = true }
                inbox.settle(second, .done)
                let (batch, wasSettled) = try await next
                try expect("nothing else is handed out before m2 is settled", wasSettled)
                try expect("delivery", inbox.labels(batch).first, "m3")
                inbox.settle(batch, .done)
                inbox.settle(try await inbox.take(count: 3 - batch.count), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("what came back twice waits until everything else that is out is settled") { scene in
            let subscription = try scene.subscription(prefetch: 2)
            let narrow = try scene.subscription(prefetch: 1)
            try await scene.open(subscription) { busy in
                try await scene.publish("m1")
                let first = try await busy.take("m1")
                let (held, lost) = try await scene.open(narrow) { dying in
                    // Each has room for one more.
                    try await scene.publish("m2", "m3")
                    return (try await busy.take(count: 1), busy.labels(try await dying.take(count: 1))[0])
                }
                try await scene.abandon(lost, of: narrow, times: 1)
                busy.settle(first, .done)
                let isSettled = Mutex(false)
                async let next = { (try await busy.takeAlone(lost), isSettled.withLock { $0 }) }()
                try await scene.publish("m4")
                await scene.giveWay()
                isSettled.withLock { $0 = true }
                busy.settle(held, .done)
                let (returned, wasSettled) = try await next
                try expect("nothing else is out when \(lost) comes back", wasSettled)
                busy.settle(returned, .done)
                busy.settle(try await busy.take("m4"), .done)
                try await busy.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("each start of a message that kills counts, and none of its neighbours is charged") { scene in
            let subscription = try scene.subscription()
            try await scene.declare(subscription)
            try await scene.publish("killer", "m1", "m2")
            try await scene.abandon("killer", "m1", "m2", of: subscription, times: 2)
            for crash in 2...4 {
                try await scene.open(subscription) { inbox in
                    try expect("returns of the killer", try await inbox.takeAlone("killer").returns, crash)
                }
            }
            try await scene.open(subscription) { inbox in
                let killer = try await inbox.takeAlone("killer")
                try expect("returns of the killer", killer.returns, 5)
                inbox.settle(killer, .deadLetter(reason: "kills", Failures(count: 5)))
                for label in ["m1", "m2"] {
                    let innocent = try await inbox.takeAlone(label)
                    try expect("returns of \(label)", innocent.returns, 2)
                    inbox.settle(innocent, .done)
                }
                try await inbox.flush()
            }
            _ = try await scene.deadLetters(of: subscription, "killer")
            try await scene.expectNothing(subscription)
        },
        Case("messages that nobody had taken are charged with at most two returns") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("taken")
                _ = try await inbox.take("taken")
                try await scene.publish("m1", "m2")
            }
            try await scene.open(subscription) { inbox in _ = try await inbox.next() }
            for _ in 1...2 { try await scene.open(subscription) { inbox in _ = try await inbox.takeAlone("taken") } }
            try await scene.open(subscription) { inbox in
                let taken = try await inbox.takeAlone("taken")
                try expect("returns", taken.returns, 4)
                inbox.settle(taken, .done)
                for label in ["m1", "m2"] {
                    let delivery = try await inbox.take(label)[0]
                    try expect("returns of \(label) are at most 2, not \(delivery.returns)", delivery.returns <= 2)
                    inbox.settle(delivery, .done)
                }
                try await inbox.flush()
            }
        },
        Case("a message that waits to be handed out alone is not charged with its consumer's end") { scene in
            let subscription = try scene.subscription()
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2")
            try await scene.abandon("m1", "m2", of: subscription, times: 2)
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.takeAlone("m1"), .done)
                try await inbox.flush()
            }
            try await scene.open(subscription) { inbox in
                let delivery = try await inbox.takeAlone("m2")
                try expect("returns of m2", delivery.returns, 2)
                inbox.settle(delivery, .done)
                try await inbox.flush()
            }
        },
        Case("what one consumer gives back another gets") { scene in
            let subscription = try scene.subscription(prefetch: 1)
            try await scene.open(subscription) { survivor in
                let (kept, lost) = try await scene.open(subscription) { dying in
                    try await scene.publish("m1", "m2")
                    return (try await survivor.take(count: 1), try await dying.take(count: 1))
                }
                survivor.settle(kept, .done)
                let again = try await survivor.take(count: 1)
                try expect("deliveries", survivor.labels(again), survivor.labels(lost))
                try expect("returns", again.map(\.returns), [1])
                survivor.settle(again, .done)
                try await survivor.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("nothing is lost or doubled over many scopes that end early") { scene in
            let subscription = try scene.subscription(prefetch: 7)
            try await scene.declare(subscription)
            let labels = (0..<20).map { "m\($0)" }
            try await scene.publish(labels.map { try scene.message($0) })
            var done: [String] = []
            while done.count < labels.count {
                try await scene.open(subscription) { inbox in
                    let batch = try await inbox.next()
                    inbox.settle(batch.prefix(2), .done)
                    try await inbox.flush()
                    done += inbox.labels(Array(batch.prefix(2)))
                }
            }
            try expect("handled once each", done.sorted(), labels.sorted())
            try await scene.expectNothing(subscription)
        },
    ]

    private static func thirtyReturns(_ ordering: Ordering) -> Case {
        Case("what comes back 30 times is still there, ordering \(ordering)") { scene in
            let subscription = try scene.subscription(prefetch: 3, ordering: ordering, retryDelays: [])
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2", "m3")
            for round in 0..<30 {
                // Of what came back twice to an unordered subscription, only one is handed out.
                let count = ordering == .perKey || round < Delivery.suspiciousReturns ? 3 : 1
                try await scene.open(subscription) { inbox in _ = try await inbox.take(count: count) }
            }
            try await scene.open(subscription) { inbox in
                for label in ["m1", "m2", "m3"] where ordering == .none {
                    inbox.settle(try await inbox.takeAlone(label), .done)
                }
                if ordering == .perKey { inbox.settle(try await inbox.take("m1", "m2", "m3"), .done) }
                try await inbox.flush()
            }
            _ = try await scene.deadLetters(of: subscription)
            try await scene.expectNothing(subscription)
        }
    }
}
