// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

/// The database to connect to, the role that connects, and the limits of the connection pool.
///
/// For settings that are not given here, libpq's own rules apply: `PG*` environment variables, `~/.pgpass` and service
/// files (PostgreSQL 15 manual, 34.15–34.17). ``PostgresStore`` throws if a limit is not positive.
public struct PostgresConfiguration: Sendable, Hashable {
    /// The servers, which are tried in this order for every session.
    public let hosts: [Host]
    /// The role that connects.
    public let user: String
    /// The name of the database.
    public let database: String
    /// What kind of server a session needs.
    public let targetSession: TargetSession
    /// The maximum number of connections in the pool, which are opened as needed.
    ///
    /// If there are several, one is never given to a transaction with reads, so that what such a transaction reads beside it does not wait
    /// for other transactions.
    ///
    /// Default: 8. The relay and the migrations use one more connection each.
    public var maximumConnections = 8
    /// How long a caller waits for a connection before it fails, with `timedOut` if all are in use.
    ///
    /// Default: 5 s.
    public var waitTimeout: Duration = .seconds(5)
    /// How long it may take to open a connection, including name resolution.
    ///
    /// Each host has an equal share of it, and each address of a host. Default: 5 s, or `connect_timeout`.
    public var connectTimeout: Duration = .seconds(5)
    /// The time after which the server ends a statement, which then fails with `timedOut`.
    ///
    /// Default: 10 s.
    public var statementTimeout: Duration = .seconds(10)
    /// The time after which the server ends a wait for a row that another transaction has written, or read with a lock.
    ///
    /// The transaction then fails with `locked`. Should be less than ``statementTimeout``. Default: 4 s.
    public var lockTimeout: Duration = .seconds(4)
    /// The time after which the server ends a transaction that sends nothing, and releases what it holds.
    ///
    /// The transaction then fails with `database`. The time limit of a handler should be shorter, so that a handler that waits for
    /// something else is ended by its own limit. Default: 60 s.
    public var idleInTransactionTimeout: Duration = .seconds(60)
    /// The time after which a process that is frozen or cut off loses its exclusive locks: ownership of the outbox and of a migration.
    ///
    /// It begins at the end of its last statement, which ``statementTimeout`` limits, or ``lockTimeout`` if it waits for a row. Another
    /// process takes over within a second after that. At least 1 s; default: 10 s.
    public var lease: Duration = .seconds(10)
    /// How long the inbox remembers handled messages; it should be longer than a broker may deliver them again.
    ///
    /// Default: 30 days.
    public var inboxRetention: Duration = .seconds(30 * 24 * 3600)

    /// How much longer than `statementTimeout` nothing may arrive before a session is given up.
    var answerGrace: Duration = .seconds(10)

    let password: String?
    let parameters: [String: String]
}

extension PostgresConfiguration {
    func check() throws(RepositoryError) {
        guard self.maximumConnections >= 1 else {
            throw Self.invalid("maximumConnections is \(self.maximumConnections), must be at least 1")
        }
        let durations = [
            ("waitTimeout", self.waitTimeout), ("connectTimeout", self.connectTimeout),
            ("statementTimeout", self.statementTimeout), ("lockTimeout", self.lockTimeout),
            ("idleInTransactionTimeout", self.idleInTransactionTimeout), ("inboxRetention", self.inboxRetention),
        ]
        // For Postgres, a timeout of 0 ms means that there is none.
        for (name, value) in durations where value < .milliseconds(1) {
            throw Self.invalid("\(name) is \(value), must be at least 1 ms")
        }
        guard self.lease >= .seconds(1) else { throw Self.invalid("lease is \(self.lease), must be at least 1 s") }
    }

    private static func invalid(_ text: String) -> RepositoryError { RepositoryError(.invalidConfiguration, text) }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The hosts and the database, without user and password.
    public var description: String {
        let hosts = self.hosts.map(\.description).joined(separator: ",")
        return "PostgresConfiguration(\(hosts)/\(self.database))"
    }
    /// The same as `description`, so that no debugger and no log shows the password.
    public var debugDescription: String { self.description }
    /// A mirror without children, for the same reason.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
