// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// Finds subscriptions that the code does not know.
struct UnknownSubscriptions {
    let known: [SubscriptionName]

    func drifts(on broker: BrokerTopology) -> [Drift] {
        let interim = Dictionary(self.known.map { ("\($0).renewal", $0) }) { $1 }
        var drifts: [Drift] = []
        for name in broker.subscriptions where !self.known.contains(name) {
            if let renewed = interim[name.description] {
                let advice =
                    "a renewal was interrupted, and messages may wait here: run `subscriptions renew \(renewed)` again"
                drifts.append(self.drift(.interruptedRenewal, .move, of: renewed, name, advice))
            } else {
                let advice =
                    "another program's, or one that nobody needs any longer: "
                    + "then `subscriptions unbind` and `subscriptions remove \(name)`"
                drifts.append(self.drift(.unknownSubscription, .note, of: name, name, advice))
            }
        }
        return drifts
    }

    private func drift(
        _ kind: DriftKind,
        _ remedy: Drift.Remedy,
        of subscription: SubscriptionName,
        _ name: SubscriptionName,
        _ advice: String
    ) -> Drift {
        Drift(kind, remedy, of: subscription, "subscription \(name)", wanted: "none", found: "exists", advice)
    }
}

extension BrokerTopology {
    /// The subscriptions among the queues: those that have a queue for dead letters as well.
    ///
    /// Sorted by name.
    package var subscriptions: [SubscriptionName] {
        self.queues.keys.compactMap { name in
            guard self.queues["\(name).dead"] != nil else { return nil }
            return try? SubscriptionName(name)
        }.sorted { $0.description < $1.description }
    }
}
