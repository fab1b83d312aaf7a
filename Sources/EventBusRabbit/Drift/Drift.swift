// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// One difference between what the code wants and what a broker has.
package struct Drift: Hashable, Sendable {
    /// What has to happen.
    package enum Remedy: String, Hashable, Sendable, CaseIterable {
        /// Nothing: it is told because somebody may want to know it.
        case note
        /// Something is missing that can be added while everything runs: `topology apply` does it.
        case safe
        /// Queues have to be made anew, with what they hold: `subscriptions renew` does it, while no consumer runs.
        case move
        /// A person has to decide; the tool does not touch it.
        case refused
    }

    package let kind: DriftKind
    package let remedy: Remedy
    /// The subscription that it is about; `nil` for the exchange of all events.
    package let subscription: SubscriptionName?
    /// For example `queue accounts.dead`.
    package let object: String
    package let wanted: String
    package let found: String
    /// What it means and what to do.
    package let advice: String

    init(
        _ kind: DriftKind,
        _ remedy: Remedy,
        of subscription: SubscriptionName?,
        _ object: String,
        wanted: String,
        found: String,
        _ advice: String
    ) {
        self.kind = kind
        self.remedy = remedy
        self.subscription = subscription
        self.object = object
        self.wanted = wanted
        self.found = found
        self.advice = advice
    }

    /// As something that the making of new queues corrects along with the rest.
    func withMove() -> Drift {
        Drift(
            self.kind,
            .move,
            of: self.subscription,
            self.object,
            wanted: self.wanted,
            found: self.found,
            "comes with the new queues: \(self.advice)"
        )
    }
}

extension Drift {
    /// The way out when queues have to be made anew.
    static func renewing(_ subscription: SubscriptionName) -> String {
        "end its consumers, then run `subscriptions renew \(subscription)`, which keeps the messages"
    }
}
