// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Where the database is, who connects, and how patient the pool is.
///
/// Settings that are not given here fall back to libpq's own rules, so `PG*` environment variables, `~/.pgpass` and
/// service files still count for them (PostgreSQL 15 manual, 34.15–34.17).
public struct PostgresConfiguration: Sendable, Hashable {
    /// A host name, an IP address, or the absolute path of a socket directory.
    public let host: String
    /// The TCP port, or the number in the name of the socket.
    public let port: Int
    /// The role that connects.
    public let user: String
    /// The name of the database.
    public let database: String
    /// Connections of the pool; they are opened when they are needed.
    ///
    /// Default: 8. The relay's lock and the migrations
    /// use one more each.
    public var maximumConnections = 8
    /// How long a caller waits for a connection before it gets `unavailable`.
    ///
    /// Default: 5 s.
    public var waitTimeout: Duration = .seconds(5)
    /// How long opening one connection may take, name resolution included.
    ///
    /// Default: 5 s, or `connect_timeout`.
    public var connectTimeout: Duration = .seconds(5)
    /// The server ends a statement after this time.
    ///
    /// Default: 10 s.
    public var statementTimeout: Duration = .seconds(10)
    /// The server ends a wait for a lock after this time.
    ///
    /// Default: 4 s.
    public var lockTimeout: Duration = .seconds(4)
    /// How long the inbox remembers handled messages: longer than a broker can still deliver them again.
    ///
    /// Default: 30 days.
    public var inboxRetention: Duration = .seconds(30 * 24 * 3600)

    let password: String?
    let parameters: [String: String]

    init(
        host: String,
        port: Int,
        user: String,
        password: String?,
        database: String,
        parameters: [String: String]
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.database = database
        self.parameters = parameters
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where it connects to, without user and password.
    public var description: String { "PostgresConfiguration(\(self.host):\(self.port)/\(self.database))" }
    /// The same as `description`, so that a debugger or a log doesn't show the password either.
    public var debugDescription: String { self.description }
    /// A mirror without children, for the same reason.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
