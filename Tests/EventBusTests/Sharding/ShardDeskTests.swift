// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Testing

@testable import EventBus

@Suite("The deliveries of all shards")
struct ShardDeskTests {
    private func delivery(_ generation: UInt64, _ tag: UInt64) -> Delivery {
        let message = Message(id: "m", topic: "t", time: Stamp.next().time, body: [])
        return Delivery(id: Delivery.ID(generation: generation, tag: tag), message: message)
    }

    private func desk(_ shards: Int = 2) -> ShardDesk {
        ShardDesk(shards: shards)
    }

    private func tags(_ deliveries: [Delivery]) -> [[UInt64]] {
        deliveries.map { [$0.id.generation, $0.id.tag] }
    }

    @Test("All shards are handed out together, each in its order")
    func together() {
        var desk = self.desk()
        desk.arrived([self.delivery(20, 1)], from: 1)
        desk.arrived([self.delivery(10, 1), self.delivery(10, 2)], from: 0)
        desk.arrived([self.delivery(20, 2)], from: 1)
        let (first, second) = (desk.handOut(), desk.handOut())
        #expect(self.tags(first) == [[10, 1], [10, 2], [20, 1], [20, 2]])
        #expect(second.isEmpty)
        #expect(desk.shard(of: Delivery.ID(generation: 20, tag: 1)) == 1)
        #expect(desk.shard(of: Delivery.ID(generation: 30, tag: 1)) == nil)
    }

    @Test("Nothing of a held shard is handed out, and it is drained when everything that is out has been settled")
    func held() {
        var desk = self.desk()
        desk.arrived([self.delivery(10, 1), self.delivery(10, 2)], from: 0)
        _ = desk.handOut()
        var drained = [desk.ended(Delivery.ID(generation: 10, tag: 1))]
        desk.hold(0)
        #expect(!desk.isDrained(0) && desk.isOut(0) && !desk.isOut(1))
        desk.arrived([self.delivery(10, 3)], from: 0)
        desk.arrived([self.delivery(20, 1)], from: 1)
        let others = desk.handOut()
        #expect(self.tags(others) == [[20, 1]])
        drained.append(desk.ended(Delivery.ID(generation: 20, tag: 1)))
        drained.append(desk.ended(Delivery.ID(generation: 10, tag: 2)))
        #expect(drained == [nil, nil, 0])
        #expect(desk.isDrained(0))
        desk.letGo(0)
        #expect(!desk.isDrained(0))
        let rest = desk.handOut()
        #expect(self.tags(rest) == [[10, 3]])
    }

    @Test("What waits in a shard that is handed over is handed out by whoever gets it")
    func left() {
        var desk = self.desk()
        desk.hold(0)
        desk.arrived([self.delivery(10, 1)], from: 0)
        desk.left(0)
        let late = desk.handOut()
        #expect(late.isEmpty)
        let drained = desk.ended(Delivery.ID(generation: 10, tag: 1))
        #expect(drained == nil)
        desk.arrived([self.delivery(11, 1)], from: 0)
        let again = desk.handOut()
        #expect(self.tags(again) == [[11, 1]])
    }
}
