// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    static let sharding: [Case] = [
        Case("the consumers of a sharded subscription share its shards out, and events of a key stay in order") {
            scene in
            let subscription = try scene.subscription(prefetch: 10, ordering: .perKey, shards: 8)
            let load = ShardedLoad(scene, keys: 16)
            try await scene.declare(subscription)
            try await load.withConsumer("a", of: subscription) { _ in
                try await load.publish(until: { $0.consumers == ["a"] })
                try await load.withConsumer("b", of: subscription) { _ in
                    try await load.publish(until: { $0.recent(20) == ["a", "b"] })
                    try await load.untilHandled()
                }
            }
            try load.expectOrder()
        },
        Case("a consumer that leaves gives its shards over without a loss and without an inversion") { scene in
            // However unevenly the keys are spread, the part of each shard is enough for all events.
            let subscription = try scene.subscription(prefetch: 4 * 24, ordering: .perKey, shards: 4)
            let load = ShardedLoad(scene, keys: 8)
            try await scene.declare(subscription)
            try await load.publish(rounds: 3)
            try await load.withConsumer("b", of: subscription, waits: true) { isOpen in
                // Takes everything, settles some and leaves.
                try await scene.open(subscription) { inbox in
                    let taken = try await inbox.take(count: 24)
                    load.handle(Array(taken.prefix(7)), by: "a", inbox)
                    try await inbox.flush()
                    isOpen.raise()
                    try await load.publish(rounds: 2)
                }
                try await load.untilHandled()
            }
            try load.expectOrder()
            try expect("consumers", load.seen.consumers, ["a", "b"])
        },
        Case("an event that is not settled holds up its own shard only") { scene in
            let subscription = try scene.subscription(prefetch: 1, ordering: .perKey, shards: 8)
            try await scene.declare(subscription)
            let keys = (0..<32).map { "k\($0)" }
            try await scene.publish(keys.map { try scene.message("\($0)-1", key: $0) })
            try await scene.publish(keys.map { try scene.message("\($0)-2", key: $0) })
            try await scene.open(subscription) { inbox in
                var taken = try await inbox.next()
                inbox.settle(taken.dropFirst(), .done)
                while taken.count < 2 * 20 {
                    let more = try await inbox.next()
                    inbox.settle(more, .done)
                    taken += more
                }
                let held = taken.count { $0.message.orderingKey == taken[0].message.orderingKey }
                try expect("events of the key that is held", held, 1)
            }
        },
        Case("events without an ordering key are all in one shard of a sharded subscription, in order") { scene in
            let subscription = try scene.subscription(prefetch: 4 * 10, ordering: .perKey, shards: 4)
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10")
            try await scene.open(subscription) { inbox in
                let taken = try await inbox.take("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10")
                try expect("scopes", Set(taken.map(\.id.generation)).count, 1)
                inbox.settle(taken, .done)
                try await inbox.flush()
            }
        },
        Case(
            "shards are given over while handlers are slow and the prefetch is full, and a dead letter is stored meanwhile"
        ) {
            scene in
            // A consumer is through with all that may be out in 1.6 s; with as much of each shard it would take 6.4 s.
            let subscription = try scene.subscription(prefetch: 16, ordering: .perKey, shards: 4)
            let load = ShardedLoad(scene, keys: 16)
            try await scene.declare(subscription)
            // More than one can handle while the second one waits for its share.
            try await load.publish(rounds: 15)
            try await load.withConsumer("a", of: subscription, isSlow: true) { _ in
                try await load.work(until: { $0.handled.count >= 16 })
                try await load.withConsumer("b", of: subscription, isSlow: true) { _ in
                    try await load.work(until: { $0.consumers == ["a", "b"] })
                    try expect("events that wait while shards are given over", load.seen.handled.count < 15 * 16)
                    try await load.untilHandled()
                }
            }
            try load.expectOrder()
            let letters = try await scene.harness.bus.deadLetters(of: subscription.name)
            try expect("dead letters", letters.map { scene.label(of: $0.message) }, ["3/2"])
        },
        Case("a sharded subscription cannot be opened with another number of shards, which the error names") { scene in
            for (name, existing, wanted) in [("more", 2, 4), ("fewer", 4, 2), ("split", 1, 2), ("one", 2, 1)] {
                try await scene.declare(scene.subscription(name, ordering: .perKey, shards: existing))
                do {
                    try await scene.open(scene.subscription(name, ordering: .perKey, shards: wanted)) { _ in }
                    throw ConformanceFailure("the subscription was opened with \(wanted) shards instead of \(existing)")
                } catch let error as BusError {
                    try expect("error code", error.code, .topologyMismatch)
                    let names = existing == 1 || wanted == 1
                    let isNamed = error.message.contains("\(existing)") && error.message.contains("\(wanted)")
                    try expect("the text has both numbers: \(error.message)", names || isNamed)
                }
            }
        },
        Case("a dead letter of a sharded subscription is listed, and comes back to the shard of its key") { scene in
            let subscription = try scene.subscription(prefetch: 1, ordering: .perKey, shards: 4)
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2", key: "k")
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("m1"), .deadLetter(reason: "broken", Failures(count: 5)))
                inbox.settle(try await inbox.take("m2"), .done)
                try await inbox.flush()
            }
            _ = try await scene.deadLetters(of: subscription, "m1")
            // Something of the key that is held holds up what is redriven, so they are in one shard.
            try await scene.open(subscription) { inbox in
                try await scene.publish("m3", key: "k")
                let held = try await inbox.take("m3")
                try expect("redriven", try await scene.harness.bus.redrive(subscription.name), 1)
                try await scene.publish((0..<12).map { try scene.message("o\($0)", key: "o\($0)") })
                var others: [Delivery] = []
                while others.count < 6 {
                    let more = try await inbox.next()
                    inbox.settle(more, .done)
                    others += more
                }
                try expect("m1 waits", !inbox.labels(others).contains("m1"))
                inbox.settle(held, .done)
                while !inbox.labels(others).contains("m1") {
                    let more = try await inbox.next()
                    inbox.settle(more, .done)
                    others += more
                }
                let redriven = others.first { scene.label(of: $0.message) == "m1" }
                try expect("redrives", redriven?.redrives, 1)
                try expect("topic", redriven?.message.topic, try scene.topic())
            }
        },
        Case("what waits in a sharded subscription is moved in the order of each key, and an empty one is removed") {
            scene in
            let source = try scene.subscription("source", ordering: .perKey, shards: 3)
            let target = try scene.subscription("target", patterns: ["@.target"], ordering: .perKey, shards: 2)
            try await scene.declare(source, target)
            let load = ShardedLoad(scene, keys: 6)
            try await load.publish(rounds: 4)
            try await scene.open(source) { _ in
                try await scene.expectError(.subscriptionInUse) {
                    try await scene.harness.bus.move(source.name, to: target.name)
                }
                try await scene.expectError(.subscriptionInUse) { try await scene.harness.bus.remove(source.name) }
            }
            try await scene.expectError(.subscriptionNotEmpty) { try await scene.harness.bus.remove(source.name) }
            try expect("moved", try await scene.harness.bus.move(source.name, to: target.name), 24)
            try await scene.open(target) { inbox in
                let taken = try await inbox.take(count: 24)
                load.handle(taken, by: "a", inbox)
                try await inbox.flush()
            }
            try load.expectOrder()
            try await scene.harness.bus.remove(source.name)
            try await scene.expectError(.unknownSubscription) {
                _ = try await scene.harness.bus.deadLetters(of: source.name)
            }
        },
        Case("a sharded subscription gets nothing more because of a pattern that was unbound") { scene in
            let subscription = try scene.subscription(patterns: ["@.event", "@.old"], ordering: .perKey, shards: 2)
            try await scene.declare(subscription)
            try await scene.harness.bus.unbind([TopicPattern("\(scene.word).old")], from: subscription.name)
            let outcomes = await scene.harness.bus.publish([try scene.message("lost", on: scene.topic("old"))])
            try expect("outcomes", outcomes.map(\.name), ["unroutable"])
            try await scene.expectNothing(subscription)
        },
        Case("an event of a sharded subscription is retried") { scene in
            let subscription = try scene.subscription(ordering: .perKey, shards: 2, retryDelays: [.seconds(1)])
            try await scene.open(subscription) { inbox in
                try await scene.publish("m", key: "k")
                inbox.settle(try await inbox.take("m"), .retry(after: .seconds(1), Failures(count: 1)))
                try await inbox.flush()
                try await scene.harness.pass(.seconds(1))
                let again = try await inbox.take("m")
                try expect("failures", again[0].failures.count, 1)
                try expect("topic", again[0].message.topic, try scene.topic())
                inbox.settle(again, .done)
                try await inbox.flush()
            }
        },
    ]
}
