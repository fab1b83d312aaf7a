// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// How far a caller has come with the dead letters of a subscription, over all passes: a pure state machine.
struct DeadLetterRun {
    let batch: Int
    private(set) var counts = DeadLetterCounts()
    private(set) var isOver = false
    private var limit: Int
    private var hasBegun = false
    private var filter = RedriveFilter()
    /// How many dead letters have been given to the filter as the first of their event, up to the last batch.
    private var given = 0

    init(limit: Int, batch: Int) {
        self.limit = max(0, limit)
        self.batch = batch
    }

    /// How many may still be considered.
    var remaining: Int { self.limit - self.counts.total }

    /// A pass begins; what becomes a dead letter after the first has begun is not considered.
    ///
    /// Copies are only known within a pass: what looks like one in a later pass can be what was redriven in an earlier one and has
    /// failed again, and then it is the only one.
    mutating func begin(count: Int) {
        if self.hasBegun {
            self.filter = RedriveFilter()
            self.given = 0
        } else {
            self.limit = min(self.limit, count)
        }
        self.hasBegun = true
        self.endIfDone()
    }

    /// Nothing came any more.
    mutating func passEnded(isCut: Bool) {
        // Otherwise somebody else has taken the others, or too many are kept.
        if !isCut { self.isOver = true }
    }

    mutating func decide(_ letters: [DeadLetter], _ verdicts: [DeadLetterVerdict]) -> [RedriveFilter.Decision] {
        zip(letters, verdicts).map { self.filter.step(for: $0, $1) }
    }

    /// Takes what became of the batch that was decided last.
    ///
    /// - Parameter stored: whether each one that was given is stored in the subscription's queue.
    /// - Returns: for each dead letter, whether it is to be removed.
    mutating func settled(_ decisions: [RedriveFilter.Decision], stored: [Bool]) -> [Bool] {
        var place = 0
        let before = self.given
        let isRemoved = decisions.map { decision in
            switch decision {
            case .keep:
                self.counts.kept += 1
                return false
            case .discard:
                self.counts.discarded += 1
                return true
            case .give:
                defer { place += 1 }
                if stored[place] { self.counts.redriven += 1 }
                return stored[place]
            case .remove(copyOf: let number):
                // What is the same event as one that was not stored stays with it; what was given in an earlier batch is stored.
                let isStored = number < before || stored[number - before]
                if isStored { self.counts.copies += 1 }
                return isStored
            }
        }
        self.given += place
        self.endIfDone()
        return isRemoved
    }

    private mutating func endIfDone() {
        if self.remaining <= 0 { self.isOver = true }
    }
}
