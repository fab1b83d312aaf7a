// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How a session is used.
enum ConnectionMode: Sendable {
    /// Prepared statements in segments; see `Connection.run(_:)`.
    case pipeline
    /// SQL text with several commands; see `Connection.run(script:)`.
    case script
}

/// What a session reports to its owner.
enum ConnectionEvent: Sendable {
    case opened
    /// The server has sent something that the session listens for.
    case notified
    /// The session could not be opened or has ended; the last event.
    case closed(PostgresError)
}
