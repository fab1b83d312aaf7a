// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// Compares what the code wants with what a broker has.
package enum TopologyComparison {
    /// All differences: of the exchange of all events, of each subscription, and of what the code does not know.
    ///
    /// What the broker does not say is not a difference; ``BrokerTopology/unknown`` tells it.
    package static func drifts(of subscriptions: [Subscription], on broker: BrokerTopology) -> [Drift] {
        let wanted = subscriptions.map(WantedTopology.init)
        var drifts: [Drift] = []
        if let events = wanted.first?.exchanges.first {
            drifts += ExchangeComparison(wanted: events, subscription: nil).drifts(on: broker)
        }
        for topology in wanted { drifts += self.drifts(of: topology, on: broker) }
        return drifts + UnknownSubscriptions(known: subscriptions.map(\.name)).drifts(on: broker)
    }

    private static func drifts(of wanted: WantedTopology, on broker: BrokerTopology) -> [Drift] {
        let sharding = ShardComparison(wanted: wanted).drifts(on: broker)
        let operation = OperationComparison(wanted: wanted).drifts(on: broker)
        // With another number of shards everything is different, and adding what is missing would put a key into two shards.
        guard sharding.isEmpty else { return sharding + operation }
        var drifts: [Drift] = []
        for exchange in wanted.exchanges where exchange.name != Topology.exchange {
            drifts += ExchangeComparison(wanted: exchange, subscription: wanted.subscription.name).drifts(on: broker)
        }
        drifts += QueueComparison(wanted: wanted).drifts(on: broker)
        drifts += BindingComparison(wanted: wanted).drifts(on: broker)
        if drifts.contains(where: { $0.remedy == .move }) {
            drifts = drifts.map { $0.remedy == .safe ? $0.withMove() : $0 }
        }
        return drifts + operation
    }
}
