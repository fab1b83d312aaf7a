// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging

/// An error of a connection, or a value that cannot be sent or read.
struct PostgresError: Error, Sendable, CustomStringConvertible {
    enum Code: Sendable, Hashable {
        /// No connection is available: the server cannot be reached, is starting, or accepts no more sessions.
        case unavailable
        /// No connection was returned to the pool in time.
        case waitTimedOut
        /// The caller has a connection in a transaction and needs another one, and all others are in the same position.
        case allHeld
        /// The connection was lost; what was sent on it may or may not have taken effect.
        case connectionLost
        /// The server has not answered in time, and the connection was closed; what was sent on it may or may not have taken effect.
        case noAnswer
        /// The store has been shut down.
        case closed
        /// The caller's task was cancelled while it waited for a connection; nothing was sent.
        case cancelled
        /// Postgres cannot store a value, such as text with a NUL.
        case invalidValue
        /// The server sent data of another type than expected.
        case unexpectedData
    }

    let code: Code
    /// For people to read.
    ///
    /// It may contain stored values, so `description` leaves it out.
    let detail: String
    /// The server's error code, if it has refused the connection.
    let state: SQLState?
    /// The place of the column whose value cannot be read.
    let column: Int?

    init(_ code: Code, detail: String = "", state: SQLState? = nil, column: Int? = nil) {
        self.code = code
        self.detail = detail
        self.state = state
        self.column = column
    }

    /// The detail for people, if it concerns a connection: it can then name hosts and roles, but contains no password and no stored
    /// values.
    var connectionDetail: String? {
        guard [.unavailable, .connectionLost, .noAnswer].contains(self.code), !self.detail.isEmpty else { return nil }
        return self.detail
    }

    /// The detail for log lines.
    var metadata: Logger.Metadata { self.connectionDetail.map { [LogKey.postgresDetail: "\($0)"] } ?? [:] }

    var description: String { "PostgresError.\(self.code)" }
}

/// An error that the server has reported (PostgreSQL 15 manual, 55.8).
struct ServerFailure: Error, Sendable, Hashable, CustomStringConvertible {
    let state: SQLState
    var constraint: String?
    var table: String?
    var column: String?
    /// The function of the server that has reported the error, whose name does not depend on the server's language.
    var routine: String?
    /// The primary message, which may contain stored values.
    var message = ""
    /// What has failed, such as `SELECT on people`, if it is known.
    var statement: String?
    /// Whether other transactions were rolled back as well, and it may be their fault; see ``SharedQueue``.
    var isShared = false

    /// What about the schema is wrong, if the server has reported it.
    ///
    /// For statements of this package, messages of class 42 contain names of tables, columns and types but no values:
    /// values are only sent as parameters.
    var schemaProblem: String? {
        if self.state.code.hasPrefix("42"), !self.message.isEmpty { return self.message }
        guard let table, let column else { return nil }
        return "column \"\(column)\" of table \"\(table)\" must have a value"
    }

    /// Whether a prepared statement is missing or outdated and has to be prepared again.
    ///
    /// A trigger can raise the same error codes, but reports another function. Poolers report none.
    var invalidatesPreparedStatement: Bool {
        switch self.state {
        case .featureNotSupported: ["RevalidateCachedQuery", nil].contains(self.routine)
        case .invalidStatementName: ["FetchPreparedStatement", nil].contains(self.routine)
        default: false
        }
    }

    var description: String {
        guard let constraint else { return "SQLSTATE \(self.state.code)" }
        return "SQLSTATE \(self.state.code), constraint \(constraint)"
    }
}

/// An error code of five characters (PostgreSQL 15 manual, appendix A).
struct SQLState: Sendable, Hashable {
    let code: String

    init(_ code: String) { self.code = code }

    /// What errors of libpq itself count as.
    static let connectionFailure = Self("08006")
    static let uniqueViolation = Self("23505")
    static let serializationFailure = Self("40001")
    static let deadlockDetected = Self("40P01")
    static let divisionByZero = Self("22012")
    static let invalidLogarithm = Self("2201E")
    static let featureNotSupported = Self("0A000")
    static let invalidStatementName = Self("26000")
    static let lockNotAvailable = Self("55P03")
    static let queryCanceled = Self("57014")
    static let idleInTransactionTimeout = Self("25P03")
    static let transactionTimeout = Self("25P04")
    static let readOnlyTransaction = Self("25006")
    static let insufficientPrivilege = Self("42501")

    /// Whether the statement, or its wait for a lock, has reached its limit of time.
    var saysTooLong: Bool { self == .queryCanceled || self == .lockNotAvailable }

    /// A collision with another transaction: running the whole transaction again may help.
    var isContention: Bool {
        self == .serializationFailure || self == .deadlockDetected
    }

    /// A value does not fit its column: it is out of range, too long, or has invalid characters.
    var isAboutValues: Bool { ["22001", "22003", "22008", "22021", "22P02", "22P05"].contains(self.code) }

    /// A table, column or function is missing or has another type, or a column that must not be null has no value.
    var isAboutSchema: Bool { self.code.hasPrefix("42") || self.code == "3F000" || self.code == "23502" }

    /// The login or a right was refused.
    var saysRefused: Bool { self == .insufficientPrivilege || self.code.hasPrefix("28") }

    /// The server is unreachable, starting, shutting down, read-only, out of resources or cannot read or write its files, whatever
    /// the statement is.
    var saysUnavailable: Bool { ["08", "53", "57P", "58", "25006"].contains { self.code.hasPrefix($0) } }
}
