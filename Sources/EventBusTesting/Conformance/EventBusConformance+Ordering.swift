// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    static let ordering: [Case] = [
        Case("an ordered subscription has one active consumer") { scene in
            let subscription = try scene.subscription(prefetch: 100, ordering: .perKey)
            try await scene.open(subscription) { active in
                try await scene.open(subscription) { _ in
                    let labels = (1...20).map { "m\($0)" }
                    try await scene.publish(labels.map { try scene.message($0, key: "k\($0.count)") })
                    let taken = try await active.take(count: labels.count)
                    try expect("deliveries of the active consumer", active.labels(taken), labels)
                    active.settle(taken, .done)
                    try await active.flush()
                }
            }
            try await scene.expectNothing(subscription)
        },
        Case("the next consumer of an ordered subscription takes over in order") { scene in
            let subscription = try scene.subscription(prefetch: 4, ordering: .perKey)
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2", "m3", "m4", "m5", "m6", key: "k")
            try await withThrowingTaskGroup(of: Void.self) { group in
                let isOpen = Signal()
                try await scene.open(subscription) { active in
                    let taken = try await active.take("m1", "m2", "m3", "m4")
                    group.addTask {
                        try await scene.open(subscription) { standby in
                            isOpen.raise()
                            let returned = try await standby.take("m2", "m3", "m4", "m5")
                            try expect("returns", returned.prefix(3).map(\.returns), [1, 1, 1])
                            standby.settle(returned, .done)
                            standby.settle(try await standby.take("m6"), .done)
                            try await standby.flush()
                        }
                    }
                    await isOpen.wait()
                    active.settle(taken[0], .done)
                    try await active.flush()
                }
                try await group.next()
            }
            try await scene.expectNothing(subscription)
        },
        Case("what came back to an ordered subscription comes together, in its old order") { scene in
            let subscription = try scene.subscription(prefetch: 3, ordering: .perKey)
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2", "m3", "m4", "m5", key: "k")
            for _ in 0..<2 {
                try await scene.open(subscription) { inbox in _ = try await inbox.take("m1", "m2", "m3") }
            }
            try await scene.open(subscription) { inbox in
                let deliveries = try await inbox.take("m1", "m2", "m3")
                try expect("returns", deliveries.map(\.returns), [2, 2, 2])
                inbox.settle(deliveries, .done)
                inbox.settle(try await inbox.take("m4", "m5"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("a verdict in the middle of an ordered subscription leaves the others in order") { scene in
            let subscription = try scene.subscription(prefetch: 4, ordering: .perKey)
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2", "m3", "m4", "m5", "m6", key: "k")
            try await scene.open(subscription) { inbox in
                let deliveries = try await inbox.take("m1", "m2", "m3", "m4")
                inbox.settle(deliveries[1], .done)
                inbox.settle(deliveries[3], .done)
                try await inbox.flush()
                _ = try await inbox.take("m5", "m6")
            }
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("m1", "m3", "m5", "m6"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("a dead letter of an ordered subscription lets the next ones through") { scene in
            let subscription = try scene.subscription(prefetch: 1, ordering: .perKey)
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1", "m2", key: "k")
                inbox.settle(
                    try await inbox.take("m1")[0],
                    .deadLetter(reason: "broken", Failures(count: 5, firstAt: Self.firstFailure))
                )
                inbox.settle(try await inbox.take("m2"), .done)
                try await inbox.flush()
            }
            let letter = try await scene.deadLetters(of: subscription, "m1")[0]
            try expect("ordering key", letter.message.orderingKey, "k")
        },
        Self.mismatch(of: .none, with: .perKey),
        Self.mismatch(of: .perKey, with: .none),
    ]

    private static func mismatch(of existing: Ordering, with wanted: Ordering) -> Case {
        Case("a subscription with ordering \(existing) cannot be opened with ordering \(wanted)") { scene in
            let subscription = try scene.subscription(ordering: existing)
            try await scene.declare(subscription)
            do {
                try await scene.open(scene.subscription(ordering: wanted)) { _ in }
                throw ConformanceFailure("the subscription was opened with another ordering")
            } catch let error as BusError {
                try expect("error code", error.code, .topologyMismatch)
            }
            try await scene.expectNothing(subscription)
        }
    }
}
