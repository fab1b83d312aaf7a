// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A message that a subscription has given up on, kept unchanged for a person to look at.
public struct DeadLetter: Sendable, Hashable {
    /// The message as it was published.
    public let message: Message
    /// Why it was put aside.
    public let reason: String
    /// The attempts that were started, and when the first of them failed.
    public let failures: Failures
    /// When it was put aside.
    public let deadAt: Date
    /// How often the message had been given to the subscription again before it was put aside this time.
    public let redrives: Int

    /// Makes a dead letter.
    public init(message: Message, reason: String, failures: Failures, deadAt: Date, redrives: Int = 0) {
        self.message = message
        self.reason = reason
        self.failures = failures
        self.deadAt = deadAt
        self.redrives = redrives
    }
}
