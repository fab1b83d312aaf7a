// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Decides what one redrive does with the dead letters that it looks at, the same on every backend.
package struct RedriveFilter: Sendable {
    /// What becomes of a dead letter.
    package enum Step: Sendable {
        /// Nobody wants it: it stays.
        case keep
        /// It goes to its subscription again.
        case give
        /// An older one with its message id goes there: it is the same event.
        case remove
    }

    private var given: Set<String> = []

    package init() {}

    /// Decides about the next dead letter; the oldest comes first.
    package mutating func step(for letter: DeadLetter, where isWanted: @Sendable (DeadLetter) -> Bool) -> Step {
        guard isWanted(letter) else { return .keep }
        return self.given.insert(letter.message.id).inserted ? .give : .remove
    }
}
