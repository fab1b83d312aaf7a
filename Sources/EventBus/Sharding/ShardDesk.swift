// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The deliveries of all shards of an open subscription: what waits, and what is handed out: a pure state machine.
///
/// A shard that is to be handed over is held: nothing of it is handed out, until everything that is out has been settled.
struct ShardDesk: Sendable {
    private struct Shard: Sendable {
        var isHeld = false
        var waiting: [Delivery] = []
        /// The deliveries that are handed out, and neither settled nor given back.
        var out: Set<Delivery.ID> = []
    }

    private var shards: [Shard]
    /// The shard of each open scope.
    private var places: [UInt64: Int] = [:]

    init(shards: Int) {
        self.shards = Array(repeating: Shard(), count: shards)
    }

    /// - Parameter shard: is open.
    mutating func arrived(_ deliveries: [Delivery], from shard: Int) {
        guard let first = deliveries.first else { return }
        self.places[first.id.generation] = shard
        self.shards[shard].waiting += deliveries
    }

    /// Whether something of the shard is out, so that handlers can be at work on it.
    func isOut(_ shard: Int) -> Bool { !self.shards[shard].out.isEmpty }

    /// Everything that waits in shards that are not held, in the order of each shard.
    mutating func handOut() -> [Delivery] {
        var deliveries: [Delivery] = []
        for shard in self.shards.indices where !self.shards[shard].isHeld && !self.shards[shard].waiting.isEmpty {
            deliveries += self.shards[shard].waiting
            self.shards[shard].out.formUnion(self.shards[shard].waiting.map(\.id))
            self.shards[shard].waiting = []
        }
        return deliveries
    }

    func shard(of delivery: Delivery.ID) -> Int? {
        self.places[delivery.generation]
    }

    /// A delivery has its verdict, or will not be started; returns its shard if that can be handed over now.
    mutating func ended(_ delivery: Delivery.ID) -> Int? {
        guard let shard = self.places[delivery.generation] else { return nil }
        self.shards[shard].out.remove(delivery)
        return self.isDrained(shard) ? shard : nil
    }

    mutating func hold(_ shard: Int) {
        self.shards[shard].isHeld = true
    }

    mutating func letGo(_ shard: Int) {
        self.shards[shard].isHeld = false
    }

    /// Whether a shard can be handed over: nothing that is out could be overtaken.
    func isDrained(_ shard: Int) -> Bool {
        self.shards[shard].isHeld && !self.isOut(shard)
    }

    /// The shard's scope ends: what waits goes back to the bus, in order.
    mutating func left(_ shard: Int) {
        self.shards[shard] = Shard()
        self.places = self.places.filter { $0.value != shard }
    }
}
