// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Order per key in random runs")
struct BacklogOrderTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func perKeyOrderHoldsInRandomRuns(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        var backlog = BacklogState(ordering: .perKey)
        var running: [BacklogState.Job] = []
        var done: [String: [Int]] = [:]
        var lastTag: UInt64 = 0
        var now = Duration.zero
        var toAdd = 200
        while toAdd > 0 || backlog.count > 0 || !running.isEmpty {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0 where toAdd > 0:
                lastTag += 1
                toAdd -= 1
                let message = Message(
                    id: "\(lastTag)",
                    topic: "t",
                    time: Date(timeIntervalSince1970: 0),
                    orderingKey: ["a", "b", "c"].randomElement(using: &generator),
                    body: []
                )
                let returns = Int.random(in: 0..<10, using: &generator) == 0 ? 2 : 0
                backlog.add([Delivery(id: Delivery.ID(generation: 1, tag: lastTag), message: message, returns: returns)]
                )
            case 1:
                running += backlog.take(limit: Int.random(in: 1...3, using: &generator))
                let keys = running.compactMap(\.delivery.message.orderingKey)
                #expect(Set(keys).count == keys.count, "one of a key at a time")
                if running.contains(where: { $0.delivery.returns > 0 }) { #expect(running.count == 1) }
            case 2 where !running.isEmpty:
                let job = running.remove(at: Int.random(in: 0..<running.count, using: &generator))
                if Bool.random(using: &generator) {
                    backlog.hold(job, until: now + .seconds(Int.random(in: 1...5, using: &generator)))
                } else {
                    done[job.delivery.message.orderingKey ?? "", default: []].append(Int(job.delivery.id.tag))
                    backlog.complete(job)
                }
            default:
                now += .seconds(1)
                backlog.wake(now: now)
            }
        }
        #expect(done.values.map(\.count).reduce(0, +) == 200)
        for (key, tags) in done { #expect(tags == tags.sorted(), "key \(key)") }
    }
}
