// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Compares the bindings of a subscription, if they are known.
struct BindingComparison {
    let wanted: WantedTopology

    private var name: SubscriptionName { self.wanted.subscription.name }

    func drifts(on broker: BrokerTopology) -> [Drift] {
        guard let bindings = broker.bindings else { return [] }
        let found = Dictionary(grouping: bindings, by: \.path)
        var drifts: [Drift] = []
        for binding in self.wanted.bindings {
            let others = found[binding.path] ?? []
            guard !others.contains(binding) else { continue }
            drifts.append(others.first.map { self.different(binding, $0) } ?? self.missing(binding))
        }
        let expected = Set(self.wanted.bindings.map(\.path))
        let own = self.ownNames
        let others = bindings.filter { binding in
            // Every queue is bound to the default exchange.
            !binding.source.isEmpty && own.contains(binding.destination) && !expected.contains(binding.path)
        }
        return drifts + others.sorted { $0.path.lexicographicallyPrecedes($1.path) }.map(self.unwanted)
    }

    private var ownNames: Set<String> {
        Set((self.wanted.queues + self.wanted.retryQueues).map(\.name))
            .union(self.wanted.exchanges.map(\.name)).subtracting([Topology.exchange])
    }

    private func missing(_ binding: TopologyBinding) -> Drift {
        let effect =
            binding.source == Topology.exchange
            ? "events with the topic '\(binding.key)' are not kept for it"
            : "what belongs to it goes to the first shard"
        return self.drift(.bindingMissing, .safe, binding, "bound", "none", "\(effect); `topology apply` binds it")
    }

    private func different(_ binding: TopologyBinding, _ found: TopologyBinding) -> Drift {
        self.drift(
            .bindingArguments,
            .move,
            binding,
            DriftText.table(binding.arguments),
            DriftText.table(found.arguments),
            Drift.renewing(self.name)
        )
    }

    private func unwanted(_ binding: TopologyBinding) -> Drift {
        let end = self.wanted.subscription.shards > 1 ? Topology.shardExchange(self.name) : self.name.description
        if binding.source == Topology.exchange, binding.destination == end {
            let advice =
                "left from an older version of the code, or an instance of it still runs; if not: "
                + "`subscriptions unbind \(self.name) '\(binding.key)'`"
            return self.drift(.bindingUnwanted, .refused, binding, "none", "bound", advice)
        }
        let advice =
            "somebody else has made it, and what comes through it has another way than events have; take it away"
        return self.drift(.bindingForeign, .refused, binding, "none", "bound", advice)
    }

    private func drift(
        _ kind: DriftKind,
        _ remedy: Drift.Remedy,
        _ binding: TopologyBinding,
        _ wanted: String,
        _ found: String,
        _ advice: String
    ) -> Drift {
        Drift(kind, remedy, of: self.name, DriftText.binding(binding), wanted: wanted, found: found, advice)
    }
}
