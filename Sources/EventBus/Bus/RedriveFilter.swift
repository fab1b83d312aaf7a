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
        /// It is removed for good.
        case discard
        /// It is removed once the given one with this number, counted from zero, is redriven: both are the same event.
        case remove(copyOf: Int)
    }

    /// What tells events apart; a body is known by 128 bits that nobody else can compute, since there may be many large ones.
    private struct Event: Hashable {
        let identity: EventIdentity
        let topic: [UInt8]
        let size: Int
        let digests: [Int]

        /// A producer that uses an id again for another event breaks the rules, but its event must not be lost with a dead letter.
        init(_ message: Message) {
            self.identity = message.identity
            self.topic = Array(message.topic.name.utf8)
            self.size = message.body.count
            self.digests = [UInt8(0), 1].map { seed in
                var hasher = Hasher()
                hasher.combine(seed)
                message.body.withUnsafeBytes { hasher.combine(bytes: $0) }
                return hasher.finalize()
            }
        }
    }

    private var given: [Event: Int] = [:]
    private var count = 0

    package init() {}

    /// Decides about the next dead letter; call it for the oldest one first.
    package mutating func step(for letter: DeadLetter, where isWanted: @Sendable (DeadLetter) -> Bool) -> Decision {
        self.step(for: letter, isWanted(letter) ? .redrive : .keep)
    }

    /// Decides about the next dead letter; call it for the oldest one first.
    package mutating func step(for letter: DeadLetter, _ verdict: DeadLetterVerdict) -> Decision {
        switch verdict {
        case .keep: return .keep
        case .discard: return .discard
        case .redrive:
            let event = Event(letter.message)
            if let number = self.given[event] { return .remove(copyOf: number) }
            self.given[event] = self.count
            self.count += 1
            return .give
        }
    }
}
