// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A step of a program; what it refers to depends on the state when its turn comes.
///
/// Thus any selection of a program's steps is a program, so that steps can be removed.
enum ProgramStep: Sendable, Hashable {
    case open(slot: Int, prefetch: Int, patterns: [String])
    case publish([PlannedMessage])
    /// All consumers take what is there.
    case take(slot: Int)
    /// Each number picks one of the unsettled deliveries.
    case settle(slot: Int, picks: [Int])
    /// Verdicts on ids that are unknown, settled, of an earlier scope or of another subscription.
    case stray(slot: Int)
    /// Each number picks one of the unsettled deliveries.
    case giveBack(slot: Int, picks: [Int])
    case end(slot: Int, consumer: Int, How)
    /// Waits until the delayed retries have arrived.
    case wait(slot: Int)
    /// Takes and settles until nothing is left but dead letters.
    case drain(slot: Int)
    case letters(slot: Int)
    case redrive(slot: Int, limit: Int, Wanted)
    /// Takes one of the patterns away that the number picks, or one that was never bound.
    case unbind(slot: Int, pick: Int)
    /// Moves what waits to another subscription.
    case move(slot: Int, to: Int)
    case remove(slot: Int)
    case restart
    /// Opens with the other ordering.
    case mismatch(slot: Int)

    enum How: String, Sendable, Hashable {
        case returns, throwing, stopping
        /// Stops, settles what it can and gives back the rest.
        case graceful
    }

    /// Which dead letters a redrive moves, by the number in the label.
    enum Wanted: String, Sendable, Hashable {
        case all, even, odd

        func isWanted(_ label: String) -> Bool {
            let isEven = label.utf8.last.map { $0.isMultiple(of: 2) } ?? true
            return self == .all || (self == .even) == isEven
        }
    }
}
