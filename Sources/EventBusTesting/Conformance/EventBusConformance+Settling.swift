// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    static let settling: [Case] = [
        Case("verdicts count in whatever order they come") { scene in
            let subscription = try scene.subscription()
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2", "m3", "m4", "m5", "m6")
            try await scene.open(subscription) { inbox in
                let deliveries = try await inbox.take("m1", "m2", "m3", "m4", "m5", "m6")
                for index in [4, 0, 5, 2] { inbox.settle(deliveries[index], .done) }
                try await inbox.flush()
            }
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("m2", "m4"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("the first verdict on a delivery counts, later ones are ignored") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1", "m2", "m3")
                let deliveries = try await inbox.take("m1", "m2", "m3")
                inbox.settle(deliveries[0], .done)
                inbox.settle(deliveries[0], .deadLetter(reason: "second verdict", Failures(count: 1)))
                inbox.settle(deliveries[1], .deadLetter(reason: "first verdict", Failures(count: 1)))
                inbox.settle(deliveries[1], .retry(after: .seconds(1), Failures(count: 1)))
                inbox.settle(deliveries[1], .deadLetter(reason: "third verdict", Failures(count: 2)))
                inbox.settle(deliveries[2], .deadLetter(reason: "last", Failures(count: 1)))
                try await inbox.flush()
            }
            let letters = try await scene.deadLetters(of: subscription, "m2", "m3")
            try expect("reasons", letters.map(\.reason), ["first verdict", "last"])
            try await scene.harness.pass(.seconds(1))
            try await scene.expectNothing(subscription)
        },
        Case("verdicts on ids that were never handed out are ignored") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                let delivery = try await inbox.take("m1")[0]
                let unknown = [
                    Delivery.ID(generation: delivery.id.generation, tag: delivery.id.tag + 1),
                    Delivery.ID(generation: delivery.id.generation, tag: .max),
                    Delivery.ID(generation: delivery.id.generation, tag: 0),
                    Delivery.ID(generation: delivery.id.generation &+ 1, tag: delivery.id.tag),
                    Delivery.ID(generation: .max, tag: delivery.id.tag),
                ]
                for id in unknown { inbox.deliveries.settle(id, .done) }
                try await scene.publish("m2")
                // By now the next message may be on its way to this consumer, yet it has not been handed out.
                for id in unknown { inbox.deliveries.settle(id, .done) }
                try await inbox.flush()
                let second = try await inbox.take("m2")[0]
                inbox.settle(delivery, .done)
                try await inbox.flush()
                for id in unknown where id != second.id { inbox.deliveries.settle(id, .done) }
                try await inbox.flush()
            }
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.takeAlone("m2"), .done)
                try await inbox.flush()
            }
        },
        Case("verdicts on deliveries of another scope are ignored") { scene in
            let subscription = try scene.subscription(prefetch: 1)
            try await scene.open(subscription) { first in
                try await scene.open(subscription) { second in
                    try await scene.publish("m1", "m2")
                    let held = try await first.take(count: 1)
                    let other = try await second.take(count: 1)
                    first.settle(other, .done)
                    second.settle(held, .done)
                    try await first.flush()
                    try await second.flush()
                }
            }
            try await scene.open(subscription) { inbox in
                // What came back arrives one by one.
                let first = try await inbox.take(count: 1)
                inbox.settle(first, .done)
                let second = try await inbox.take(count: 1)
                inbox.settle(second, .done)
                try expect("what came back", inbox.labels(first + second).sorted(), ["m1", "m2"])
                try await inbox.flush()
            }
        },
        Case("a verdict that comes after its scope has ended is ignored") { scene in
            let subscription = try scene.subscription()
            let (inbox, delivery) = try await scene.open(subscription) { inbox in
                try await scene.publish("m1")
                return (inbox, try await inbox.take("m1")[0])
            }
            inbox.settle(delivery, .done)
            try await scene.open(subscription) { later in
                let again = try await later.takeAlone("m1")
                inbox.settle(delivery, .deadLetter(reason: "stale", Failures(count: 1)))
                later.settle(again, .deadLetter(reason: "fresh", Failures(count: 1)))
                try await later.flush()
            }
            let letters = try await scene.deadLetters(of: subscription, "m1")
            try expect("reason", letters[0].reason, "fresh")
        },
        Case("bodies beyond the prefetch in bytes wait, and one is always delivered") { scene in
            let body = [UInt8](repeating: 1, count: 1024 * 1024)
            let subscription = try scene.subscription(prefetch: 4, prefetchBytes: 1)
            let other = try scene.subscription("other", patterns: ["@.other"])
            try await scene.open(subscription) { inbox in
                let labels = ["m1", "m2", "m3", "m4", "m5", "m6"]
                var messages = try labels.map { try scene.message($0) }
                for index in messages.indices { messages[index].body = body }
                try await scene.publish(messages)
                for label in labels {
                    let delivery = try await inbox.takeAlone(label)
                    let tooMuch = try await inbox.cancelledNext(atOnce: false) {
                        try await scene.open(other) { fence in
                            try await scene.publish([try scene.message("fence", on: try scene.topic("other"))])
                            fence.settle(try await fence.take("fence"), .done)
                            try await fence.flush()
                        }
                    }
                    try expect("deliveries beside \(label)", inbox.labels(tooMuch ?? []), [])
                    // Who fails takes room until the copy is stored.
                    inbox.settle(delivery, label == "m2" ? .deadLetter(reason: "large", Failures(count: 1)) : .done)
                }
                try await inbox.flush()
            }
            _ = try await scene.deadLetters(of: subscription, "m2")
            try await scene.expectNothing(subscription)
        },
        Case("verdicts that have been flushed outlive the scope") { scene in
            let subscription = try scene.subscription(prefetch: 2000)
            try await scene.open(subscription) { inbox in
                let labels = (0..<500).map { "m\($0)" }
                try await scene.publish(labels.map { try scene.message($0) })
                inbox.settle(try await inbox.take(count: labels.count), .done)
                try await inbox.flush()
            }
            let fence = try await scene.expectNothing(subscription)
            try expect("returns of the fence", fence.returns, 0)
        },
    ]
}
