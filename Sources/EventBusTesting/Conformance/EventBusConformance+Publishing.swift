// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    static let publishing: [Case] = [
        Case("publishing nothing has no outcomes") { scene in
            try expect("outcomes", await scene.harness.bus.publish([]).map(\.name), [])
        },
        Case("a message that requires a subscriber is unroutable without one") { scene in
            let outcomes = await scene.harness.bus.publish([try scene.message("m1")])
            try expect("outcomes", outcomes.map(\.name), ["unroutable"])
            // It is not on the bus: who subscribes later does not get it.
            try await scene.expectNothing(scene.subscription())
        },
        Case("a message that requires no subscriber is confirmed without one") { scene in
            try await scene.publish([scene.message("m1", requiresSubscriber: false)])
            try await scene.expectNothing(scene.subscription())
        },
        Case("a closed subscription still counts as a subscriber") { scene in
            try await scene.declare(scene.subscription())
            try await scene.publish("m1")
        },
        Case("outcomes come in the order of the messages, whatever they are") { scene in
            let subscription = try scene.subscription()
            let nowhere = try scene.topic("nowhere")
            var invalid = try scene.message("invalid")
            invalid.id = ""
            try await scene.open(subscription) { inbox in
                let outcomes = await scene.harness.bus.publish([
                    try scene.message("m1"),
                    try scene.message("lost", on: nowhere),
                    invalid,
                    try scene.message("unheard", on: nowhere, requiresSubscriber: false),
                    try scene.message("m2"),
                    try scene.message("lost too", on: nowhere),
                    try scene.message("m3"),
                ])
                try expect(
                    "outcomes",
                    outcomes.map(\.name),
                    [
                        "confirmed", "unroutable", "notSent(invalidMessage)", "confirmed", "confirmed", "unroutable",
                        "confirmed",
                    ]
                )
                inbox.settle(try await inbox.take("m1", "m2", "m3"), .done)
                try await inbox.flush()
            }
        },
        Case("two messages with one id are two messages") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1", "m1")
                inbox.settle(try await inbox.take("m1", "m1"), .done)
                try await inbox.flush()
            }
        },
        Case("messages of one call are stored in order, and so are those of successive calls") { scene in
            let subscription = try scene.subscription(prefetch: 2000)
            try await scene.open(subscription) { inbox in
                let labels = (0..<300).map { "m\($0)" }
                try await scene.publish(labels[..<200].map { try scene.message($0) })
                for label in labels[200...] { try await scene.publish(label) }
                let taken = try await inbox.take(count: labels.count)
                try expect("deliveries", inbox.labels(taken), labels)
                inbox.settle(taken, .done)
                try await inbox.flush()
            }
        },
    ]
}
