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
    private struct Values: Sendable, Hashable {
        var count = 0
        var firstAt: Date?
        var lastReason: String?
    }

    /// Immutable, so that copies can share it.
    private final class Box: Sendable {
        let values: Values

        init(_ values: Values) { self.values = values }
    }

    /// `nil` if nothing has failed: nearly every delivery is copied and passed on as a single empty reference.
    private var box: Box?

    private var values: Values {
        get { self.box?.values ?? Values() }
        set { self.box = newValue == Values() ? nil : Box(newValue) }
    }

    /// The number of attempts that were started and did not succeed.
    public var count: Int {
        get { self.values.count }
        set { self.values.count = newValue }
    }

    /// When the first attempt failed; `nil` if none has failed.
    public var firstAt: Date? {
        get { self.values.firstAt }
        set { self.values.firstAt = newValue }
    }

    /// Why the last attempt failed, as far as it may be shown: never the content of a message.
    ///
    /// A bus keeps the first 255 bytes of UTF-8.
    public var lastReason: String? {
        get { self.values.lastReason }
        set { self.values.lastReason = newValue }
    }

    private static let maximumReasonBytes = 255

    /// Creates a count.
    public init(count: Int = 0, firstAt: Date? = nil, lastReason: String? = nil) {
        guard count != 0 || firstAt != nil || lastReason != nil else { return }
        self.box = Box(Values(count: count, firstAt: firstAt, lastReason: lastReason))
    }

    /// What a bus keeps.
    package var kept: Failures {
        var kept = self
        kept.lastReason = self.lastReason?.prefix(ofBytes: Self.maximumReasonBytes)
        return kept
    }

    /// Returns whether all parts are equal.
    public static func == (left: Failures, right: Failures) -> Bool {
        left.box === right.box || left.values == right.values
    }

    /// Feeds all parts into a hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.values)
    }
}

extension Failures: CustomStringConvertible {
    /// The count, the time of the first failure and the reason of the last one.
    public var description: String {
        "\(self.count)" + (self.firstAt.map { " since \($0)" } ?? "") + (self.lastReason.map { ": \($0)" } ?? "")
    }
}
