// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What `subscriptions unbind` has done, as far as it is known: RabbitMQ accepts also that a pattern is unbound that was never bound.
struct UnbindReport: Hashable, Sendable {
    let subscription: SubscriptionName
    let patterns: [String]
    /// Those of ``patterns`` that were bound before; `nil` if that is not known.
    let bound: [String]?
    let isDry: Bool

    /// - Parameter before: all patterns of the subscription before; `nil` if they are not known.
    init(_ subscription: SubscriptionName, _ patterns: [String], before: [String]?, isDry: Bool) {
        self.subscription = subscription
        self.patterns = patterns
        self.bound = before.map { before in patterns.filter(before.contains) }
        self.isDry = isDry
    }

    /// Those that were not bound; `nil` if that is not known.
    private var others: [String]? { self.bound.map { bound in self.patterns.filter { !bound.contains($0) } } }

    var text: String {
        guard let bound, let others else {
            let patterns = self.patterns.joined(separator: ", ")
            return self.isDry
                ? "would unbind \(patterns) from \(self.subscription); whether they are bound only the management tells"
                : "\(self.subscription) is not bound to \(patterns), or not any more"
        }
        var lines: [String] = []
        if !bound.isEmpty {
            let verb = self.isDry ? "would unbind" : "unbound"
            lines.append("\(verb) \(bound.joined(separator: ", ")) from \(self.subscription)")
        }
        if !others.isEmpty {
            let verb = self.isDry ? "is" : "was"
            lines.append("\(self.subscription) \(verb) not bound to \(others.joined(separator: ", "))")
        }
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        .object([
            "subscription": .string(self.subscription.description),
            // Of what is not known, everything that is not bound now.
            "unbound": .array((self.bound ?? self.patterns).map { .string($0) }),
            "notBound": self.others.map { .array($0.map { .string($0) }) } ?? .null,
            "dryRun": .bool(self.isDry),
        ])
    }
}
