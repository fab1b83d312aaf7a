// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A message handed to one consumer of a subscription, which settles it once.
public struct Delivery: Sendable {
    /// Identifies a delivery within one scope of `withDeliveries`; not valid in any other scope.
    public struct ID: Hashable, Sendable {
        /// The scope or connection that handed out the delivery.
        public let generation: UInt64
        /// A number that increases by one with each delivery of a generation.
        public let tag: UInt64

        /// Creates an id.
        public init(generation: UInt64, tag: UInt64) {
            self.generation = generation
            self.tag = tag
        }
    }

    /// Identifies the delivery when it is settled.
    public let id: ID
    /// The message that is delivered.
    public let message: Message
    /// The failed attempts that the last verdict reported; survives restarts.
    public let failures: Failures
    /// How often the message came back without a verdict, for example because a process died.
    ///
    /// A return does not prove that the message was started: everything that a process holds returns when it dies. On an
    /// unordered subscription a message that came back twice is delivered alone, so each further return stands for one start.
    public let returns: Int
    /// How often the message was redriven from the dead letters; survives restarts.
    ///
    /// A redrive resets ``failures`` and ``returns`` to zero.
    public let redrives: Int

    /// Whether the message was delivered before and came back without a verdict.
    public var isRedelivered: Bool { self.returns > 0 }

    /// How many returns make a message suspect of crashing its process, so that it is delivered alone.
    ///
    /// After one crash everything that the process held has come back once, and nearly all of it is innocent.
    package static let suspiciousReturns = 2

    package var isSuspect: Bool { self.returns >= Delivery.suspiciousReturns }

    /// Creates a delivery.
    public init(id: ID, message: Message, failures: Failures = Failures(), returns: Int = 0, redrives: Int = 0) {
        self.id = id
        self.message = message
        self.failures = failures
        self.returns = returns
        self.redrives = redrives
    }
}

/// How often handling a message has failed, and since when.
public struct Failures: Sendable, Hashable {
    /// The number of attempts that were started and did not succeed.
    public var count: Int
    /// When the first attempt failed; `nil` if none has failed.
    public var firstAt: Date?
    /// Why the last attempt failed, as far as it may be shown: never the content of a message.
    ///
    /// A bus keeps the first 255 bytes of UTF-8.
    public var lastReason: String?

    private static let maximumReasonBytes = 255

    /// Creates a count.
    public init(count: Int = 0, firstAt: Date? = nil, lastReason: String? = nil) {
        self.count = count
        self.firstAt = firstAt
        self.lastReason = lastReason
    }

    /// What a bus keeps.
    package var kept: Failures {
        var kept = self
        kept.lastReason = self.lastReason?.prefix(ofBytes: Self.maximumReasonBytes)
        return kept
    }
}
