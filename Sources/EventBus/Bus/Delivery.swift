// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A message on its way to one subscription, to be settled once.
public struct Delivery: Sendable {
    /// Identifies a delivery within one scope of `withDeliveries`; never valid in another.
    public struct ID: Hashable, Sendable {
        /// Which scope or connection handed the delivery out.
        public let generation: UInt64
        /// Rises by one with each delivery of a generation.
        public let tag: UInt64

        /// Makes an id.
        public init(generation: UInt64, tag: UInt64) {
            self.generation = generation
            self.tag = tag
        }
    }

    /// What to settle.
    public let id: ID
    /// What is delivered.
    public let message: Message
    /// The attempts that have failed so far, as the last verdict said; survives restarts.
    public let failures: Failures
    /// How often the message came back without a verdict, for example because a process died.
    ///
    /// On a subscription without order, what came back is delivered alone, so each return beyond the first is exactly one start.
    public let returns: Int
    /// How often the message was a dead letter and was given to the subscription again; survives restarts.
    ///
    /// Each time it starts anew: failures and returns count from zero.
    public let redrives: Int

    /// Whether the message was delivered before and came back unsettled.
    public var isRedelivered: Bool { self.returns > 0 }

    /// Makes a delivery.
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
    /// When the first of them failed; `nil` while there is none.
    public var firstAt: Date?

    /// Makes a count.
    public init(count: Int = 0, firstAt: Date? = nil) {
        self.count = count
        self.firstAt = firstAt
    }
}
