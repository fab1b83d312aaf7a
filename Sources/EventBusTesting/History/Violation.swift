// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// A promise that was broken.
public struct Violation: Sendable, Hashable, CustomStringConvertible {
    /// The rule: lost, doubled, invented, order, attempts or dead letter.
    public let rule: String
    /// The subscription concerned, if any.
    public let subscription: SubscriptionName?
    /// The message concerned.
    public let messageID: String
    /// What happened.
    public let text: String

    /// Another message concerned, if any.
    public let otherID: String?

    /// Creates a violation.
    public init(
        _ rule: String,
        _ subscription: SubscriptionName?,
        _ messageID: String,
        _ text: String,
        otherID: String? = nil
    ) {
        self.otherID = otherID
        self.rule = rule
        self.subscription = subscription
        self.messageID = messageID
        self.text = text
    }

    var messageIDs: [String] { [self.messageID] + (self.otherID.map { [$0] } ?? []) }

    /// One line.
    public var description: String {
        "\(self.rule): \(self.subscription.map { "\($0), " } ?? "")message \(self.messageID) \(self.text)"
    }
}
