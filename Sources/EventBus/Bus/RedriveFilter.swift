// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Decides what a redrive does with each dead letter, in the same way on every backend.
package struct RedriveFilter: Sendable {
    /// What to do with a dead letter.
    package enum Decision: Sendable {
        /// It is not wanted and stays a dead letter.
        case keep
        /// It is delivered to its subscription again.
        case give
        /// It is removed: an older one with the same message id, and so the same event, is redriven.
        case remove
    }

    private var given: Set<String> = []

    package init() {}

    /// Decides about the next dead letter; call it for the oldest one first.
    package mutating func step(for letter: DeadLetter, where isWanted: @Sendable (DeadLetter) -> Bool) -> Decision {
        guard isWanted(letter) else { return .keep }
        return self.given.insert(letter.message.id).inserted ? .give : .remove
    }
}
