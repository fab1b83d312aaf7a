// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// A row of an in-memory store.
struct RowKey: Hashable, Sendable {
    let table: String
    let id: ColumnValue
}

/// A value of a unique column of an in-memory store, in the form in which values are compared.
struct UniqueValue: Hashable, Sendable {
    let table: String
    let key: String
    let value: ColumnValue
}

/// How a read finds its row.
enum RowLookup: Sendable {
    case id(RowKey)
    case value(UniqueValue)
}

/// A read that locks the row which it finds.
struct LockingRead: Sendable {
    let lookup: RowLookup
    /// The row that was found before waiting for it.
    var key: RowKey?
    /// The result.
    var row: [ColumnValue]?

    init(_ lookup: RowLookup) { self.lookup = lookup }
}

/// An event as one consumer handles it.
struct InboxKey: Hashable, Sendable {
    let consumer: SubscriptionName
    let event: EventIdentity

    init(_ event: EventIdentity, by consumer: SubscriptionName) throws(RepositoryError) {
        self.consumer = consumer
        self.event = event
        guard ExactText(event.id).isStorable, ExactText(event.source).isStorable else {
            throw RepositoryError(.invalidValue, "an event's id and source must not contain NUL")
        }
    }
}
