// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// A promise that was broken.
public struct Violation: Sendable, Hashable, CustomStringConvertible {
    /// The rule: lost, doubled, invented, order, attempts, dead letter, given up, shutdown, stalled, time, or one of your own.
    public let rule: String
    /// The subscription concerned, if any.
    public let subscription: SubscriptionName?
    /// The event concerned, if any.
    public let event: EventIdentity?
    /// What happened.
    public let text: String

    /// Another event concerned, if any.
    public let other: EventIdentity?

    /// Creates a violation.
    public init(
        _ rule: String,
        _ subscription: SubscriptionName?,
        _ event: EventIdentity?,
        _ text: String,
        other: EventIdentity? = nil
    ) {
        self.other = other
        self.rule = rule
        self.subscription = subscription
        self.event = event
        self.text = text
    }

    var events: [EventIdentity] { [self.event, self.other].compactMap { $0 } }

    /// One line.
    public var description: String {
        let names = [self.subscription.map { "\($0)" }, self.event.map { "event \($0)" }].compactMap { $0 }
        return names.isEmpty
            ? "\(self.rule): \(self.text)" : "\(self.rule): \(names.joined(separator: ", ")) \(self.text)"
    }
}
