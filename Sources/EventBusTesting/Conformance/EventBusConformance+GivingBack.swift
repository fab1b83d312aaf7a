// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    static let givingBack: [Case] = [
        Case("after stop() another consumer gets at once what was not handed out, and no return is counted") { scene in
            let subscription = try scene.subscription(prefetch: 10)
            try await scene.open(subscription) { leaving in
                try await scene.publish("m1")
                let held = try await leaving.take("m1")
                try await scene.publish("m2", "m3")
                leaving.deliveries.stop()
                try await scene.open(subscription) { try await $0.finish("m2", "m3", returns: 0) }
                leaving.settle(held, .done)
                try await leaving.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("another consumer gets what is given back, and no return is counted") { scene in
            let subscription = try scene.subscription()
            try await scene.open(subscription) { leaving in
                try await scene.publish("m1", "m2", "m3")
                let held = try await leaving.take("m1", "m2", "m3")
                leaving.deliveries.stop()
                leaving.deliveries.giveBack(held.dropFirst().map(\.id))
                try await scene.open(subscription) { try await $0.finish("m2", "m3", returns: 0) }
                leaving.settle(held[0], .done)
                try await leaving.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("what is given back goes to the back of the queue") { scene in
            let subscription = try scene.subscription(prefetch: 3)
            try await scene.open(subscription) { inbox in
                try await scene.publish("m1", "m2", "m3", "m4")
                let first = try await inbox.take("m1", "m2", "m3")
                inbox.deliveries.giveBack([first[1].id])
                let others = try await inbox.take("m4")
                inbox.settle(first[0], .done)
                let again = try await inbox.take("m2")
                try expect("returns", again[0].returns, 0)
                inbox.settle([first[2]] + others + again, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("what is given back keeps its failures and redrives") { scene in
            let subscription = try scene.subscription()
            let failures = Failures(count: 2, firstAt: Self.firstFailure, lastReason: "not yet")
            let message = try Self.fullMessage(scene)
            try await scene.open(subscription) { inbox in
                try await scene.publish([message])
                inbox.settle(try await inbox.take("full"), .deadLetter(reason: "no use", failures))
                try await inbox.flush()
                try await scene.redrive(subscription, count: 1)
                inbox.settle(try await inbox.take("full"), .retry(after: .seconds(1), failures))
                try await inbox.flush()
                try await scene.harness.pass(.seconds(1))
                inbox.deliveries.giveBack(try await inbox.take("full").map(\.id))
                let again = try await inbox.take("full")[0]
                try expectSame(again.message, message)
                try expect("failures", again.failures, failures)
                try expect("returns", again.returns, 0)
                try expect("redrives", again.redrives, 1)
                inbox.settle(again, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("what is given back keeps its returns") { scene in
            let subscription = try scene.subscription()
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2")
            try await scene.abandon("m1", "m2", of: subscription, times: 1)
            for _ in 1...2 {
                try await scene.open(subscription) { inbox in
                    let held = try await inbox.take(count: 2)
                    try expect("returns", held.map(\.returns), [1, 1])
                    inbox.deliveries.stop()
                    inbox.deliveries.giveBack(held.map(\.id))
                    try await inbox.flush()
                }
            }
            try await scene.open(subscription) { inbox in _ = try await inbox.take(count: 2) }
            try await scene.open(subscription) { inbox in
                for _ in 1...2 {
                    let batch = try await inbox.next()
                    try expect("returns of what comes alone", batch.map(\.returns), [2])
                    inbox.settle(batch, .done)
                }
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("what was handed out alone and is given back comes alone again") { scene in
            let subscription = try scene.subscription()
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2")
            try await scene.abandon("m1", "m2", of: subscription, times: 2)
            try await scene.open(subscription) { inbox in
                inbox.deliveries.giveBack([try await inbox.takeAlone("m1").id])
                for label in ["m2", "m1"] {
                    let delivery = try await inbox.takeAlone(label)
                    try expect("returns of \(label)", delivery.returns, 2)
                    inbox.settle(delivery, .done)
                }
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("only what is out can be given back, and only once") { scene in
            let subscription = try scene.subscription()
            let old = try await scene.open(subscription) { inbox in
                try await scene.publish("m1", "m2")
                return try await inbox.take("m1", "m2")
            }
            try await scene.open(subscription) { inbox in
                let held = try await inbox.take("m1", "m2")
                inbox.settle(held[0], .done)
                let (generation, last) = (held[1].id.generation, held[1].id.tag)
                let unknown = [0, last + 1, last + 2, .max].map { Delivery.ID(generation: generation, tag: $0) }
                inbox.deliveries.giveBack(unknown + [held[0].id] + old.map(\.id))
                inbox.deliveries.giveBack([held[1].id, held[1].id])
                inbox.deliveries.giveBack([held[1].id])
                inbox.settle(held[1], .deadLetter(reason: "given back before", Failures(count: 1)))
                inbox.settle(try await inbox.take("m2"), .done)
                try await inbox.flush()
            }
            _ = try await scene.deadLetters(of: subscription)
            try await scene.expectNothing(subscription)
        },
        Case("nothing of an ordered subscription is given back before the scope ends") { scene in
            let subscription = try scene.subscription(prefetch: 4, ordering: .perKey)
            try await scene.declare(subscription)
            try await scene.publish("m1", "m2", "m3", key: "k")
            try await withThrowingTaskGroup(of: Void.self) { group in
                let isOpen = Signal()
                try await scene.open(subscription) { leaving in
                    let held = try await leaving.take("m1", "m2", "m3")
                    leaving.deliveries.stop()
                    leaving.deliveries.giveBack(held.map(\.id))
                    group.addTask {
                        try await scene.open(subscription) { standby in
                            isOpen.raise()
                            let deliveries = try await standby.take("m2", "m3", "m4")
                            try expect("returns", deliveries.prefix(2).map(\.returns), [1, 1])
                            standby.settle(deliveries, .done)
                            try await standby.flush()
                        }
                    }
                    await isOpen.wait()
                    try await scene.publish("m4", key: "k")
                    leaving.settle(held[0], .done)
                    try await leaving.flush()
                }
                try await group.next()
            }
            try await scene.expectNothing(subscription)
        },
    ]
}

extension ReceivedDeliveries {
    /// Takes the messages with the given labels in any order, and settles them.
    fileprivate func finish(_ labels: String..., returns: Int) async throws {
        let taken = try await self.take(count: labels.count)
        try expect("deliveries", self.labels(taken).sorted(), labels)
        try expect("returns", taken.map(\.returns), labels.map { _ in returns })
        self.settle(taken, .done)
        try await self.flush()
    }
}
