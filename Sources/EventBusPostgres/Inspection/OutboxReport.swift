// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// What an outbox holds at one moment, for operators.
package struct OutboxReport: Sendable, Hashable {
    /// The process that publishes the events.
    package struct Owner: Sendable, Hashable {
        /// The server's process of its session.
        package let process: Int64
        /// What the session calls itself; empty if it has no name.
        package let application: String
        /// From where it is connected; `nil` for a Unix socket, or if this user may not see it.
        package let address: String?
        /// Since when the session exists; `nil` if this user may not see it.
        package let since: Date?
        /// When it last sent a statement or got an answer; `nil` if this user may not see it.
        package let lastActive: Date?

        package init(
            process: Int64,
            application: String,
            address: String?,
            since: Date?,
            lastActive: Date?
        ) {
            self.process = process
            self.application = application
            self.address = address
            self.since = since
            self.lastActive = lastActive
        }
    }

    /// Events that wait for the same thing.
    package struct Wait: Sendable, Hashable {
        /// What they wait for.
        package enum Cause: Sendable, Hashable {
            /// A subscription of this topic, or an earlier event of their ordering keys that does.
            case subscriber(topic: String)
            /// The event in this row, which the bus has refused, or which waits itself.
            case row(Int64)
            /// What this version does not know.
            case other(String)
        }

        package let cause: Cause
        package let events: Int64
        package let oldest: Date?
        /// Some of their ordering keys, whose later events wait as well.
        package let keys: [String]

        package init(
            cause: Cause,
            events: Int64,
            oldest: Date?,
            keys: [String]
        ) {
            self.cause = cause
            self.events = events
            self.oldest = oldest
            self.keys = keys
        }
    }

    /// The Postgres schema of the module.
    package let schema: String
    package let events: Int64
    /// When the oldest event happened; `nil` if there is none.
    package let oldest: Date?
    /// `nil` if no relay owns the outbox.
    package let owner: Owner?
    /// What is held back, the most events first.
    package let waits: [Wait]

    package init(
        schema: String,
        events: Int64,
        oldest: Date?,
        owner: Owner?,
        waits: [Wait]
    ) {
        self.schema = schema
        self.events = events
        self.oldest = oldest
        self.owner = owner
        self.waits = waits
    }

    /// How many events are held back.
    package var waiting: Int64 { self.waits.reduce(0) { $0 + $1.events } }
}

/// An event in an outbox, without its body and headers, for operators.
package struct OutboxEvent: Sendable, Hashable {
    package let row: Int64
    package let id: String
    package let topic: String
    package let source: String
    package let time: Date?
    package let key: String?
    package let bytes: Int64
    /// Why it is not published; `nil` if it is next, or nobody has tried.
    package let cause: OutboxReport.Wait.Cause?
}
