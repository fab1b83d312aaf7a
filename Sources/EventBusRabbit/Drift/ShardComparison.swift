// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Finds out whether a subscription has another number of shards on a broker than in the code.
struct ShardComparison {
    let wanted: WantedTopology

    func drifts(on broker: BrokerTopology) -> [Drift] {
        let (name, shards) = (self.wanted.subscription.name, self.wanted.subscription.shards)
        guard let own = broker.queues[name.description] else { return self.leftover(on: broker) }
        let found = Topology.number(ofShards: own)
        guard found != shards else { return self.leftover(on: broker) }
        return [self.drift("queue \(name)", wanted: Self.text(shards), found: Self.text(found))]
    }

    /// Shards beyond those of the code, and their exchange although there are none.
    private func leftover(on broker: BrokerTopology) -> [Drift] {
        let (name, shards) = (self.wanted.subscription.name, self.wanted.subscription.shards)
        let first = shards == 1 ? 0 : shards
        let queues = (first..<Subscription.maximumShards).map { name.shard($0).description }
            .filter { broker.queues[$0] != nil }.map { "queue \($0)" }
        let exchange = Topology.shardExchange(name)
        let exchanges = shards == 1 && broker.exchanges[exchange] != nil ? ["exchange \(exchange)"] : []
        return (exchanges + queues).map { self.drift($0, wanted: Self.text(shards), found: "left from more shards") }
    }

    private func drift(_ object: String, wanted: String, found: String) -> Drift {
        let name = self.wanted.subscription.name
        let advice = "no consumer can open it, so that no key is in two shards; \(Drift.renewing(name))"
        return Drift(.shards, .move, of: name, object, wanted: wanted, found: found, advice)
    }

    private static func text(_ shards: Int) -> String { shards == 1 ? "no shards" : "\(shards) shards" }
}

extension Topology {
    /// How many shards a subscription has whose own queue this is; 1 if it has none.
    package static func number(ofShards queue: TopologyQueue) -> Int {
        guard queue.type == "quorum", queue.arguments["x-dead-letter-exchange"] == nil,
            let number = queue.arguments["x-max-length"]?.int
        else { return 1 }
        return Int(number)
    }
}
