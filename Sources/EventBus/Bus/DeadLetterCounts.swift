// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What has happened to dead letters; see ``EventBus/settleDeadLetters(of:limit:batch:_:)``.
public struct DeadLetterCounts: Sendable, Hashable {
    /// How many stay where they are.
    public var kept = 0
    /// How many were delivered to their subscription again.
    public var redriven = 0
    /// How many were removed for good.
    public var discarded = 0
    /// How many were removed because they were copies of an event that was redriven.
    public var copies = 0

    /// How many were looked at.
    public var total: Int { self.kept + self.redriven + self.discarded + self.copies }

    /// Creates counts of nothing.
    public init() {}
}

extension DeadLetterCounts {
    /// Adds what has happened to further dead letters.
    package static func += (left: inout DeadLetterCounts, right: DeadLetterCounts) {
        left.kept += right.kept
        left.redriven += right.redriven
        left.discarded += right.discarded
        left.copies += right.copies
    }
}
