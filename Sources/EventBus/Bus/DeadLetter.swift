// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A message that could not be handled, kept unchanged until somebody looks at it.
public struct DeadLetter: Sendable, Hashable {
    /// The message as it was published.
    public let message: Message
    /// Why the message became a dead letter.
    ///
    /// A bus keeps the first 2,000 bytes of UTF-8.
    public let reason: String
    /// How many attempts were started, and when the first of them failed.
    public let failures: Failures
    /// When the message became a dead letter.
    public let deadAt: Date
    /// How often the message had already been redriven when it became a dead letter.
    public let redrives: Int

    /// The longest reason that a bus keeps, in bytes of UTF-8.
    package static let maximumReasonBytes = 2000

    /// Creates a dead letter.
    public init(message: Message, reason: String, failures: Failures, deadAt: Date, redrives: Int = 0) {
        self.message = message
        self.reason = reason
        self.failures = failures
        self.deadAt = deadAt
        self.redrives = redrives
    }
}
