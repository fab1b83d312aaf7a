// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

/// What to read from an outbox next, and what to write before.
struct OutboxRead: Sendable, Equatable {
    struct Part: Sendable, Equatable {
        let lane: Lane
        let after: OutboxRow.ID
        let limit: Int
    }

    /// Rows that have to wait, and for what: to be written.
    var moves: [OutboxRow.ID: Lane] = [:]
    /// Rows that wait for nothing are read from the first one after this.
    var after: OutboxRow.ID
    /// Rows that were not there when these ids were passed.
    var missing: [ClosedRange<OutboxRow.ID>]
    /// Rows with such ids that need not be read again.
    var seen: [OutboxRow.ID] = []
    /// Rows that waited for something that is not held any more.
    var lanes: [Part]
    /// How many rows are read at most, the oldest of all.
    var limit: Int
    /// No further row is read when this many bytes of bodies have been reached.
    var bytes: Int
    /// Up to here, rows that wait need not be looked for: they are known or gone.
    var known: OutboxRow.ID
}

/// A row, as it was read.
struct FoundRow: Sendable {
    let row: OutboxRow
    /// Why the message cannot be read; then `row` has only its ordering key and its body.
    var problem: String?
    /// Where the row waits; `nil` if it waits for nothing.
    var lane: Lane?
    /// The nearest older row of the same ordering key, or of one with the same hash, that waits for something.
    var behind: (id: OutboxRow.ID, lane: Lane)?
}
