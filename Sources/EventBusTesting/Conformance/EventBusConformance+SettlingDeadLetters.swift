// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    static let settlingDeadLetters: [Case] = [
        Case(
            "of hundreds of dead letters some are redriven, some discarded and the others stay, and again changes nothing"
        ) {
            scene in
            let subscription = try scene.subscription()
            let labels = (1...500).map { "m\($0)" }
            try await scene.bury(labels, of: subscription)
            func verdict(_ letter: DeadLetter) -> DeadLetterVerdict {
                let number = labels.firstIndex(of: scene.label(of: letter.message)) ?? 0
                return number.isMultiple(of: 5) ? .discard : number.isMultiple(of: 3) ? .keep : .redrive
            }
            var seen: [String] = []
            let bus = scene.harness.bus
            let counts = try await bus.settleDeadLetters(of: subscription.name, limit: 1000, batch: 70) { letters in
                try expect("there are no more than in a batch", letters.count <= 70)
                seen += scene.labels(letters)
                return letters.map(verdict)
            }
            try expect("dead letters that were decided about", seen, labels)
            let discarded = labels.indices.filter { $0.isMultiple(of: 5) }
            let kept = labels.indices.filter { !$0.isMultiple(of: 5) && $0.isMultiple(of: 3) }
            let redriven = labels.indices.filter { !$0.isMultiple(of: 5) && !$0.isMultiple(of: 3) }
            try expect("discarded", counts.discarded, discarded.count)
            try expect("kept", counts.kept, kept.count)
            try expect("redriven", counts.redriven, redriven.count)
            let again = try await bus.settleDeadLetters(of: subscription.name, limit: 1000, batch: 500) {
                $0.map(verdict)
            }
            try expect("kept by the second time", again.kept, kept.count)
            try expect("looked at by the second time", again.total, kept.count)
            let left = try await bus.deadLetters(of: subscription.name, limit: 1000)
            try expect("dead letters that stay", scene.labels(left), kept.map { labels[$0] })
            try await scene.open(subscription) { inbox in
                var deliveries: [Delivery] = []
                // Settled on the way: there are more than a subscription may hold.
                while deliveries.count < redriven.count {
                    let batch = try await inbox.next()
                    inbox.settle(batch, .done)
                    deliveries += batch
                }
                try expect("what was redriven", inbox.labels(deliveries).sorted(), redriven.map { labels[$0] }.sorted())
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("what ends the settling of dead letters leaves earlier batches settled and the others in order") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("m1", "m2", "m3", "m4", "m5", of: subscription)
            struct Stop: Error {}
            var batches = 0
            do {
                _ = try await scene.harness.bus.settleDeadLetters(of: subscription.name, limit: 10, batch: 2) {
                    letters in
                    batches += 1
                    if batches == 2 { throw Stop() }
                    return letters.map { _ in .redrive }
                }
                throw ConformanceFailure("what was thrown is lost")
            } catch is Stop {}
            _ = try await scene.deadLetters(of: subscription, "m3", "m4", "m5")
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("m1", "m2"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("what becomes a dead letter while others are settled is left alone") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("m1", "m2", of: subscription)
            var seen: [String] = []
            let bus = scene.harness.bus
            let counts = try await bus.settleDeadLetters(of: subscription.name, limit: 10, batch: 1) { letters in
                seen += scene.labels(letters)
                try await scene.bury("later\(seen.count)", of: subscription)
                return letters.map { _ in .discard }
            }
            try expect("dead letters that were decided about", seen, ["m1", "m2"])
            try expect("discarded", counts.discarded, 2)
            _ = try await scene.deadLetters(of: subscription, "later1", "later2")
        },
        Case("copies of one event are redriven once, also in different batches") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("twin", "m1", "twin", of: subscription)
            let bus = scene.harness.bus
            let counts = try await bus.settleDeadLetters(of: subscription.name, limit: 10, batch: 1) { letters in
                letters.map { _ in .redrive }
            }
            try expect("redriven", counts.redriven, 2)
            try expect("copies", counts.copies, 1)
            _ = try await scene.deadLetters(of: subscription)
            try await scene.open(subscription) { inbox in
                inbox.settle(try await inbox.take("twin", "m1"), .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Case("a subscription that does not exist has no dead letters to settle") { scene in
            let unknown = try scene.subscription("unknown").name
            try await scene.expectUnknown {
                _ = try await scene.harness.bus.settleDeadLetters(of: unknown, limit: 10, batch: 10) { letters in
                    letters.map { _ in .keep }
                }
            }
        },
    ]
}
