// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How a session is used.
enum ConnectionMode: Sendable {
    /// Prepared statements in segments; see `Connection.run(_:)`.
    case pipeline
    /// SQL texts of several commands; see `Connection.run(script:)`.
    case script
}

/// What a session tells its owner.
enum ConnectionEvent: Sendable {
    case opened
    /// It could not be opened, or it is gone; sent once, as the last event.
    case closed(PostgresError)
}
