// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Compares an exchange.
struct ExchangeComparison {
    let wanted: TopologyExchange
    /// That of shards belongs to a subscription, that of all events to none.
    let subscription: SubscriptionName?

    func drifts(on broker: BrokerTopology) -> [Drift] {
        guard let found = broker.exchanges[self.wanted.name] else {
            let advice = "nothing that is published arrives; `topology apply` declares it with its bindings"
            return [self.drift(.exchangeMissing, .safe, self.wanted.type, "none", advice)]
        }
        var drifts: [Drift] = []
        if found.type != self.wanted.type {
            drifts.append(self.different(.exchangeType, self.wanted.type, found.type))
        }
        if !found.isDurable {
            drifts.append(self.different(.exchangeNotDurable, "durable", "gone with the next start"))
        }
        if found.isAutoDelete {
            drifts.append(self.different(.exchangeAutoDelete, "stays", "is deleted with its last binding"))
        }
        if found.isInternal { drifts.append(self.different(.exchangeInternal, "can be published to", "internal")) }
        let names = Set(self.wanted.arguments.keys).union(found.arguments.keys).sorted()
        for name in names where self.wanted.arguments[name] != found.arguments[name] {
            let (wanted, found) = (self.wanted.arguments[name], found.arguments[name])
            drifts.append(
                self.different(
                    .exchangeArgument,
                    "\(name) \(DriftText.value(wanted))",
                    DriftText.value(found)
                )
            )
        }
        if let refusal = found.refusal {
            drifts.append(self.different(.unreadable, "what the code declares", refusal))
        }
        return drifts + self.policies(of: found)
    }

    private func policies(of found: TopologyExchange) -> [Drift] {
        guard let other = found.policy["alternate-exchange"], found.arguments["alternate-exchange"] == nil else {
            return []
        }
        let advice =
            "an event without a subscriber counts as delivered, also where the publisher requires one; "
            + "take the policy away: `rabbitmqctl list_policies` names it"
        return [self.drift(.alternateExchange, .refused, "no alternate exchange", DriftText.value(other), advice)]
    }

    private func different(_ kind: DriftKind, _ wanted: String, _ found: String) -> Drift {
        if let subscription = self.subscription {
            return self.drift(kind, .move, wanted, found, Drift.renewing(subscription))
        }
        let advice =
            "no consumer can open its subscription; an exchange cannot be changed: pause publishing, delete it, "
            + "then run `topology apply`, which declares it with its bindings"
        return self.drift(kind, .refused, wanted, found, advice)
    }

    private func drift(
        _ kind: DriftKind,
        _ remedy: Drift.Remedy,
        _ wanted: String,
        _ found: String,
        _ advice: String
    ) -> Drift {
        Drift(
            kind,
            remedy,
            of: self.subscription,
            "exchange \(self.wanted.name)",
            wanted: wanted,
            found: found,
            advice
        )
    }
}
