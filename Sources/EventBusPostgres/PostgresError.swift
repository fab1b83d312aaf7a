// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging

/// What went wrong between this process and the server.
struct PostgresError: Error, Sendable, CustomStringConvertible {
    enum Code: Sendable, Hashable {
        /// The server answered with an error; see `failure`.
        case server
        /// No connection can be had now: the server is away, full, or still starting.
        case unavailable
        /// Nobody gave a connection back in time.
        case waitTimedOut
        /// The connection broke; what was sent on it may or may not have been carried out.
        case connectionLost
        /// The store has been shut down.
        case closed
        /// The caller's task was cancelled while it waited for a connection; nothing was sent.
        case cancelled
        /// A value that Postgres can't store, such as a NUL in a text.
        case invalidValue
        /// The server sent what was not asked for.
        case unexpectedData
    }

    let code: Code
    let failure: ServerFailure?
    /// For people; may hold data and is therefore never part of `description`.
    let detail: String

    init(_ code: Code, failure: ServerFailure? = nil, detail: String = "") {
        self.code = code
        self.failure = failure
        self.detail = detail
    }

    init(_ failure: ServerFailure) {
        self.init(.server, failure: failure)
    }

    /// For a log: what libpq says of a connection names hosts and roles, never a password or data.
    var metadata: Logger.Metadata {
        guard self.code == .unavailable || self.code == .connectionLost, !self.detail.isEmpty else { return [:] }
        return ["postgres.detail": "\(self.detail)"]
    }

    var description: String {
        guard let failure else { return "PostgresError.\(self.code)" }
        return "PostgresError.\(self.code)(\(failure))"
    }
}

/// An error or fatal message of the server (PostgreSQL 15 manual, 55.8).
struct ServerFailure: Error, Sendable, Hashable, CustomStringConvertible {
    let state: SQLState
    let constraint: String?
    let table: String?
    /// The primary message; it may hold data.
    let message: String

    init(state: SQLState, constraint: String? = nil, table: String? = nil, message: String = "") {
        self.state = state
        self.constraint = constraint
        self.table = table
        self.message = message
    }

    var description: String {
        guard let constraint else { return "SQLSTATE \(self.state.code)" }
        return "SQLSTATE \(self.state.code), constraint \(constraint)"
    }
}

/// A five-letter error code (PostgreSQL 15 manual, appendix A).
struct SQLState: Sendable, Hashable {
    let code: String

    init(_ code: String) { self.code = code }

    static let uniqueViolation = Self("23505")
    static let serializationFailure = Self("40001")
    static let deadlockDetected = Self("40P01")
    static let divisionByZero = Self("22012")
    static let featureNotSupported = Self("0A000")
    static let invalidStatementName = Self("26000")
    static let lockNotAvailable = Self("55P03")
    static let queryCanceled = Self("57014")

    /// Running the whole transaction again may help.
    var isTransient: Bool {
        self == .serializationFailure || self == .deadlockDetected || self == .lockNotAvailable
    }

    /// The server's plan for a prepared statement is out of date; prepare it anew.
    var spoilsPreparedStatement: Bool { self == .featureNotSupported || self == .invalidStatementName }

    /// A value has no place in its column: out of range, too long, or not of its alphabet.
    var isAboutValues: Bool { ["22001", "22003", "22008", "22021", "22P02", "22P05"].contains(self.code) }

    /// A table, a column or a function is missing or of another type, or a column that must have a value has none.
    var isAboutSchema: Bool { self.code.hasPrefix("42") || self.code == "3F000" || self.code == "23502" }

    /// The server is away, starting, ending, out of resources or turned read-only: it has nothing to do with the data.
    var saysUnavailable: Bool {
        ["08", "53", "57P", "25006"].contains { self.code.hasPrefix($0) } && self != .queryCanceled
    }
}
