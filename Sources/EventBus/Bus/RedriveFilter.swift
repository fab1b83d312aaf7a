// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Decides what a redrive does with each dead letter, in the same way on every backend.
package struct RedriveFilter: Sendable {
    /// What to do with a dead letter.
    package enum Decision: Sendable, Hashable {
        /// It is not wanted and stays a dead letter.
        case keep
        /// It is delivered to its subscription again.
        case give
        /// It is removed once the given one with this number, counted from zero, is redriven: both are the same event.
        case remove(copyOf: Int)
    }

    private var given: [EventIdentity: [(number: Int, message: Message)]] = [:]
    private var count = 0

    package init() {}

    /// Decides about the next dead letter; call it for the oldest one first.
    package mutating func step(for letter: DeadLetter, where isWanted: @Sendable (DeadLetter) -> Bool) -> Decision {
        guard isWanted(letter) else { return .keep }
        let message = letter.message
        let older = self.given[message.identity, default: []]
        if let same = older.first(where: { $0.message.isSameEvent(as: message) }) {
            return .remove(copyOf: same.number)
        }
        self.given[message.identity, default: []].append((self.count, message))
        self.count += 1
        return .give
    }
}

extension Message {
    /// Whether nothing tells two messages with one identity apart.
    ///
    /// A producer that uses an id again for another event breaks the rules, but its event must not be lost with a dead letter.
    fileprivate func isSameEvent(as other: Message) -> Bool {
        self.topic.name.hasSameBytes(as: other.topic.name) && self.body == other.body
    }
}
