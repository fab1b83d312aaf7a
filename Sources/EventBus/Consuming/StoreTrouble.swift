// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Why the consumer's own store could not do its part, so that the same attempt can be made again.
package struct StoreTrouble: Error {
    package enum Kind: Sendable, Hashable {
        /// It cannot be reached, or does not know whether a commit has taken effect.
        case away
        /// It did not answer in time.
        case slow
        /// It gave way to a concurrent transaction.
        case contended
        /// A transaction that has not ended yet handles the same event.
        case busy
    }

    package let kind: Kind
    package let cause: any Error

    package init(_ kind: Kind, _ cause: any Error) {
        self.kind = kind
        self.cause = cause
    }
}

/// How long the same attempt is made again without being used up: a pure state machine.
///
/// An outage of the store is nobody's fault and can last. But nothing is an outage while others succeed, and a conflict that does
/// not go away is the trouble of the events about it alone.
struct StorePatience: Sendable {
    /// What is known when the store has failed once more.
    struct Moment: Sendable {
        /// The time.
        var now: Duration
        /// How many messages the consumer has handled so far, in this process.
        var handled: UInt64
    }

    private var kind: StoreTrouble.Kind?
    /// How often it has failed in this way, and since when.
    private var count = 0
    private var began: Duration?
    /// What others had achieved at the last try, and how many tries have failed since others succeeded.
    private var others: (handled: UInt64, tries: Int)?

    /// How long one attempt is made again at most while the store answers others.
    private static let limit = Duration.seconds(300)

    /// Returns whether the attempt has failed, instead of being made again.
    mutating func isOver(_ kind: StoreTrouble.Kind, _ moment: Moment) -> Bool {
        if kind != self.kind { (self.kind, self.count, self.began) = (kind, 0, nil) }
        let began = self.began ?? moment.now
        self.began = began
        self.count += 1
        let (handled, tries) = self.others ?? (moment.handled, 0)
        self.others = (moment.handled, tries + (moment.handled > handled ? 1 : 0))
        switch kind {
        case .contended:
            return self.count > 3
        case .away:
            return self.isAlone
        case .busy:
            // Others' success says nothing about this event.
            return moment.now - began >= Self.limit
        case .slow:
            return self.isAlone || moment.now - began >= Self.limit
        }
    }

    /// Others have succeeded again and again between the tries; once proves nothing, as when a commit was already on its way.
    private var isAlone: Bool { (self.others?.tries ?? 0) >= 3 }
}
