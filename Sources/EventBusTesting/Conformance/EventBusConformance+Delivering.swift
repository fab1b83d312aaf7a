// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    static let delivering: [Case] = [
        Case("a subscription keeps what is published while nobody listens") { scene in
            let subscription = try scene.subscription()
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2")
            try await scene.open(subscription) { inbox in
                let deliveries = try await inbox.take("m1", "m2")
                try expect("returns", deliveries.map(\.returns), [0, 0])
                try expect("redelivered", deliveries.map(\.isRedelivered), [false, false])
                try expect("failures", deliveries.map(\.failures), [Failures(), Failures()])
                inbox.settle(deliveries, .done)
                try await inbox.flush()
            }
        },
        Case("next() waits for the first message") { scene in
            try await scene.open(scene.subscription()) { inbox in
                async let batch = inbox.next()
                try await scene.publish("m1")
                try await expect("deliveries", inbox.labels(batch), ["m1"])
                inbox.settle(try await batch, .done)
                try await inbox.flush()
            }
        },
        Case("consumers of one name share the messages") { scene in
            let subscription = try scene.subscription(prefetch: 1)
            try await scene.open(subscription) { first in
                try await scene.open(subscription) { second in
                    try await scene.publish("m1", "m2")
                    // Each has room for one and settles none, so each gets one.
                    let taken = try await first.take(count: 1) + second.take(count: 1)
                    try expect("deliveries of both", first.labels(taken).sorted(), ["m1", "m2"])
                    first.settle(taken[0], .done)
                    second.settle(taken[1], .done)
                    try await first.flush()
                    try await second.flush()
                }
            }
            try await scene.expectNothing(subscription)
        },
        Case("as many deliveries as the prefetch allows are out together, and no more") { scene in
            let subscription = try scene.subscription(prefetch: 4)
            let rest = try scene.subscription(prefetch: 100)
            try await scene.declare(subscription)
            let labels = (1...10).map { "m\($0)" }
            try await scene.publish(labels.map { try scene.message($0) })
            try await scene.open(subscription) { inbox in
                let held = try await inbox.take("m1", "m2", "m3", "m4")
                // All that the first consumer does not hold is there for another.
                try await scene.open(rest) { other in
                    other.settle(try await other.take("m5", "m6", "m7", "m8", "m9", "m10"), .done)
                    try await other.flush()
                }
                inbox.settle(held, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("a verdict makes room for the next delivery") { scene in
            let subscription = try scene.subscription(prefetch: 2)
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1", "m2", "m3", "m4")
                let first = try await inbox.take("m1", "m2")
                inbox.settle(first[1], .done)
                let third = try await inbox.take("m3")
                inbox.settle(first[0], .done)
                let fourth = try await inbox.take("m4")
                inbox.settle(third + fourth, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("the ids of deliveries differ, also between scopes") { scene in
            let subscription = try scene.subscription()
            var ids: Set<Delivery.ID> = []
            for _ in 0..<3 {
                try await scene.open(subscription) { inbox in
                    try await scene.publish("m1", "m2")
                    let deliveries = try await inbox.take("m1", "m2")
                    for delivery in deliveries { ids.insert(delivery.id) }
                    inbox.settle(deliveries, .done)
                    try await inbox.flush()
                }
            }
            try expect("different ids", ids.count, 6)
        },
        Case("withDeliveries throws what its body throws") { scene in
            struct Thrown: Error {}
            let subscription = try scene.subscription()
            do {
                try await scene.open(subscription) { _ in throw Thrown() }
                throw ConformanceFailure("withDeliveries returned although its body threw")
            } catch is Thrown {
                try await scene.expectNothing(subscription)
            }
        },
        Case("a cancelled next() throws CancellationError and takes nothing with it") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                let taken = try await inbox.cancelledNext {}
                try expect("nothing is returned by a cancelled next()", taken == nil)
                try await scene.publish("m1")
                inbox.settle(try await inbox.take("m1"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("a next() that is cancelled as a message arrives returns it or leaves it") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                for round in 1...50 {
                    // In every other round the message is there before the cancellation.
                    let taken = try await inbox.cancelledNext(atOnce: round.isMultiple(of: 2)) {
                        try await scene.publish("m\(round)")
                    }
                    let batch = if let taken { taken } else { try await inbox.next() }
                    try expect("deliveries", inbox.labels(batch), ["m\(round)"])
                    inbox.settle(batch, .done)
                }
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("stop() ends next(), and what is out can still be settled") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1", "m2", "m3")
                let deliveries = try await inbox.take("m1", "m2", "m3")
                async let waiting = inbox.deliveries.next()
                inbox.deliveries.stop()
                try await expect("next() returns nil after stop()", waiting == nil)
                try await scene.publish("late")
                try await expect("next() returns nil again", inbox.deliveries.next() == nil)
                inbox.settle(deliveries[0], .done)
                inbox.settle(deliveries[1], .deadLetter(reason: "stopped", Failures(count: 1)))
                inbox.settle(deliveries[2], .done)
                try await inbox.flush()
            }
            _ = try await scene.deadLetters(of: subscription, "m2")
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("late"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("stop() of one consumer leaves the messages to the others") { scene in
            let subscription = try scene.subscription(prefetch: 1)
            try await scene.open(subscription) { first in
                try await scene.publish("m1")
                let held = try await first.take("m1")
                first.deliveries.stop()
                try await scene.open(subscription) { second in
                    try await scene.publish("m2")
                    second.settle(try await second.take("m2"), .done)
                    try await second.flush()
                }
                first.settle(held, .done)
                try await first.flush()
            }
        },
    ]
}
