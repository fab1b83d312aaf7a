// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// The differences, and what can be done about them while everything runs.
package struct TopologyPlan: Sendable {
    package let subscriptions: [Subscription]
    package private(set) var drifts: [Drift]
    /// What could not be read, and why.
    package let unknown: [String]
    private let knowsBindings: Bool

    package init(_ subscriptions: [Subscription], on broker: BrokerTopology) {
        self.subscriptions = subscriptions
        self.drifts = TopologyComparison.drifts(of: subscriptions, on: broker)
        self.unknown = broker.unknown
        self.knowsBindings = broker.bindings != nil
    }

    /// Whether the broker has what the code wants; notes do not count.
    package var isInStep: Bool { self.drifts.allSatisfy { $0.remedy == .note } }

    package func drifts(_ remedy: Drift.Remedy) -> [Drift] { self.drifts.filter { $0.remedy == remedy } }

    /// What declaring ``additions`` adds.
    package var added: [Drift] {
        let names = Set(self.additions.map(\.name))
        return self.drifts(.safe).filter { drift in drift.subscription.map(names.contains) ?? !names.isEmpty }
    }

    /// The same without differences that are known to be dealt with, whatever the broker's management still says.
    package func without(_ added: [Drift]) -> TopologyPlan {
        var plan = self
        plan.drifts.removeAll { added.contains($0) }
        return plan
    }

    /// Whether everything could be compared.
    package var isComplete: Bool { self.unknown.isEmpty }

    /// The subscriptions of which something is added: what their consumers declare when they open them.
    ///
    /// Without knowledge of the bindings those of all subscriptions are repeated, which changes nothing where they exist. A subscription whose
    /// queues have to be made anew, or are another program's, is left as it is.
    package var additions: [Subscription] {
        let other: Set<DriftKind> = [
            .exchangeType, .exchangeNotDurable, .exchangeAutoDelete, .exchangeInternal, .exchangeArgument,
            .unreadable,
        ]
        guard !self.drifts.contains(where: { $0.subscription == nil && other.contains($0.kind) }) else { return [] }
        let blocked = Set(
            self.drifts.filter { $0.remedy == .move || $0.kind == .queueExclusive }.compactMap(\.subscription)
        )
        let lacking = Set(self.drifts(.safe).map(\.subscription))
        // Without their exchange, all of them lack their bindings.
        let isForAll = !self.knowsBindings || lacking.contains(nil)
        return self.subscriptions.filter { !blocked.contains($0.name) && (isForAll || lacking.contains($0.name)) }
    }
}
