// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    static let changing: [Case] = [
        Case("a subscription gets nothing more because of a pattern that was unbound, and keeps what it has") { scene in
            let subscription = try scene.subscription(patterns: ["@.event", "@.*.old"])
            let other = try scene.subscription("other", patterns: ["@.event"])
            try await scene.declare(subscription, other)
            let old = try scene.topic("very.old")
            try await scene.publish([scene.message("m1", on: old), scene.message("m2")])
            let patterns = try [TopicPattern("\(scene.word).*.old"), TopicPattern("\(scene.word).never.bound")]
            try await scene.harness.bus.unbind(patterns, from: subscription.name)
            try await scene.harness.bus.unbind(patterns, from: subscription.name)
            let outcomes = await scene.harness.bus.publish([try scene.message("lost", on: old)])
            try expect("outcomes", outcomes.map(\.name), ["unroutable"])
            try await scene.publish("m3")
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("m1", "m2", "m3"), .done)
                try await inbox.flush()
                // Opening it has bound the pattern again.
                try await scene.publish([scene.message("m4", on: old)])
                inbox.settle(try await inbox.take("m4"), .done)
                try await inbox.flush()
            }
            try await scene.open(other) { inbox in
                inbox.settle(try await inbox.take("m2", "m3"), .done)
                try await inbox.flush()
            }
        },
        Case("what waits in a subscription is moved to another one with all that is known of it") { scene in
            let source = try scene.subscription("source")
            let target = try scene.subscription("target", patterns: ["@.target"])
            try await scene.declare(source, target)
            let failures = Failures(count: 3, firstAt: Self.firstFailure, lastReason: "not yet")
            try await scene.bury("dead", "redriven", of: source)
            try await scene.redrive(source, count: 1) { scene.label(of: $0.message) == "redriven" }
            try await scene.open(source) { inbox in
                try await scene.publish("retried", "returned", "waiting")
                let held = try await inbox.take("redriven", "retried", "returned", "waiting")
                inbox.deliveries.giveBack([held[0].id])
                inbox.settle(held[1], .retry(after: .seconds(1), failures))
                try await inbox.flush()
                // It is held again at the end.
                _ = try await inbox.take("redriven")
            }
            try await scene.publish("fresh")
            let moved = try await scene.harness.bus.move(source.name, to: target.name)
            try expect("moved", moved, 6)
            let again = try await scene.harness.bus.move(source.name, to: target.name)
            try expect("moved again", again, 0)
            try await scene.harness.pass(.seconds(1))
            try await scene.open(target) { inbox in
                let deliveries = try await inbox.take(count: 5)
                let byLabel = Dictionary(uniqueKeysWithValues: zip(inbox.labels(deliveries), deliveries))
                try expect("labels", byLabel.keys.sorted(), ["fresh", "redriven", "retried", "returned", "waiting"])
                try expect("failures", byLabel["retried"]?.failures, failures)
                try expect("failures of others", byLabel["fresh"]?.failures, Failures())
                try expect("redrives", byLabel["redriven"]?.redrives, 1)
                let returns = ["returned", "waiting", "redriven", "fresh"].map { byLabel[$0]?.returns }
                try expect("returns", returns, [1, 1, 1, 0])
                inbox.settle(deliveries, .done)
                try await inbox.flush()
            }
            let letter = try await scene.deadLetters(of: target, "dead")[0]
            try expect("reason", letter.reason, "no use")
            try expect("failures", letter.failures, Failures(count: 5, firstAt: Self.firstFailure))
            _ = try await scene.deadLetters(of: source)
            try await scene.expectNothing(source)
        },
        Case("what came back twice is moved, and is still handed out alone") { scene in
            let source = try scene.subscription("source")
            let target = try scene.subscription("target", patterns: ["@.target"])
            try await scene.declare(source, target)
            try await scene.publish("m1", "m2")
            try await scene.abandon("m1", "m2", of: source, times: 2)
            try await scene.open(source) { inbox in _ = try await inbox.takeAlone("m1") }
            let moved = try await scene.harness.bus.move(source.name, to: target.name)
            try expect("moved", moved, 2)
            try await scene.open(target) { inbox in
                for (label, returns) in [("m1", 3), ("m2", 2)] {
                    let delivery = try await inbox.takeAlone(label)
                    try expect("returns of \(label)", delivery.returns, returns)
                    inbox.settle(delivery, .done)
                }
                try await inbox.flush()
            }
            try await scene.expectNothing(source)
        },
        Case("what waits in an ordered subscription is moved in order, behind what is there") { scene in
            let source = try scene.subscription("source", ordering: .perKey)
            let target = try scene.subscription("target", patterns: ["@.target"], ordering: .perKey)
            try await scene.declare(source, target)
            let labels = (1...40).map { "m\($0)" }
            try await scene.publish(labels.map { try scene.message($0, key: "k") })
            try await scene.publish([scene.message("first", on: scene.topic("target"), key: "k")])
            try await scene.open(source) { _ in
                try await scene.expectError(.subscriptionInUse) {
                    try await scene.harness.bus.move(source.name, to: target.name)
                }
            }
            try expect("moved", try await scene.harness.bus.move(source.name, to: target.name), labels.count)
            try await scene.open(target) { inbox in
                let taken = try await inbox.take(count: labels.count + 1)
                try expect("deliveries", inbox.labels(taken), ["first"] + labels)
                inbox.settle(taken, .done)
                try await inbox.flush()
            }
        },
        Case("what is moved from an ordered subscription keeps one return at most, since returns prove no start there")
        {
            scene in
            let source = try scene.subscription("source", ordering: .perKey)
            let target = try scene.subscription("target", patterns: ["@.target"])
            try await scene.declare(source, target)
            try await scene.publish("m1", "m2", key: "k")
            try await scene.abandon("m1", "m2", of: source, times: 3)
            try await scene.publish("m3", key: "k")
            try expect("moved", try await scene.harness.bus.move(source.name, to: target.name), 3)
            try await scene.open(target) { inbox in
                let taken = try await inbox.take("m1", "m2", "m3")
                try expect("returns", taken.map(\.returns), [1, 1, 0])
                inbox.settle(taken, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(source)
        },
        Case("nothing can be moved to the same or from or to an unknown subscription") { scene in
            let known = try scene.subscription()
            let unknown = try scene.subscription("unknown").name
            try await scene.declare(known)
            try await scene.publish("m1")
            let bus = scene.harness.bus
            try await scene.expectUnknown { try await bus.move(known.name, to: unknown) }
            try await scene.expectUnknown { try await bus.move(unknown, to: known.name) }
            try await scene.expectError(.invalidSubscription) { try await bus.move(known.name, to: known.name) }
            try await scene.open(known) { inbox in
                inbox.settle(try await inbox.take("m1"), .done)
                try await inbox.flush()
            }
        },
        Case("a subscription that does not exist can be neither changed nor removed") { scene in
            let unknown = try scene.subscription("unknown").name
            let pattern = try TopicPattern("\(scene.word).event")
            try await scene.expectUnknown { try await scene.harness.bus.unbind([pattern], from: unknown) }
            try await scene.expectUnknown { try await scene.harness.bus.remove(unknown) }
        },
        Case("a subscription is removed only when nobody uses it and it holds nothing") { scene in
            let subscription = try scene.subscription()
            let bus = scene.harness.bus
            try await scene.open(subscription) { inbox in
                try await scene.expectError(.subscriptionInUse) { try await bus.remove(subscription.name) }
                try await scene.publish("m1")
                inbox.settle(try await inbox.take("m1"), .retry(after: .seconds(3600), Failures(count: 1)))
                try await inbox.flush()
            }
            try await scene.expectError(.subscriptionNotEmpty) { try await bus.remove(subscription.name) }
            let refuge = try scene.subscription("refuge", patterns: ["@.refuge"])
            try await scene.declare(refuge)
            try expect("moved", try await bus.move(subscription.name, to: refuge.name), 1)
            try await scene.publish("m2")
            try await scene.expectError(.subscriptionNotEmpty) { try await bus.remove(subscription.name) }
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("m2"), .deadLetter(reason: "no use", Failures(count: 1)))
                try await inbox.flush()
            }
            try await scene.expectError(.subscriptionNotEmpty) { try await bus.remove(subscription.name) }
            try expect("moved", try await bus.move(subscription.name, to: refuge.name), 1)
            try await bus.remove(subscription.name)
            try await scene.expectUnknown { _ = try await bus.deadLetters(of: subscription.name) }
            let outcomes = await bus.publish([try scene.message("lost")])
            try expect("outcomes", outcomes.map(\.name), ["unroutable"])
            // It can be made again, and is empty then.
            try await scene.declare(subscription)
            try await scene.expectNothing(subscription)
        },
        Case("a subscription can be renamed: open the new one, move what waits, remove the old one") { scene in
            let old = try scene.subscription("old")
            let new = try scene.subscription("new")
            let bus = scene.harness.bus
            try await scene.bury("dead", of: old)
            try await scene.publish("m1", "m2")
            try await scene.open(new) { inbox in
                try await bus.unbind(old.patterns, from: old.name)
                try await scene.publish("m3")
                try expect("moved", try await bus.move(old.name, to: new.name), 3)
                try await bus.remove(old.name)
                let taken = try await inbox.take(count: 3)
                try expect("deliveries", inbox.labels(taken).sorted(), ["m1", "m2", "m3"])
                inbox.settle(taken, .done)
                try await inbox.flush()
            }
            _ = try await scene.deadLetters(of: new, "dead")
            try await scene.expectUnknown { try await bus.remove(old.name) }
        },
    ]
}
