// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

extension RepositoryError {
    /// Converts any error that a call to the server can throw.
    ///
    /// A `RepositoryError` remains as it is.
    init(_ error: any Error) {
        switch error {
        case let error as RepositoryError: self = error
        case let error as PostgresError: self.init(error)
        default: self.init(.database, "the call to the database failed", cause: error)
        }
    }

    /// Runs `body` and converts the error that it throws.
    static func converting<Value>(_ body: () throws -> Value) throws(RepositoryError) -> Value {
        do {
            return try body()
        } catch {
            throw RepositoryError(error)
        }
    }

    private init(_ error: PostgresError) {
        switch error.code {
        case .unavailable:
            let state = error.state.map { " (\($0.code))" } ?? ""
            self.init(.unavailable, "the database cannot be reached\(state)", cause: error)
        case .waitTimedOut: self.init(.timedOut, "no connection became free in time", cause: error)
        case .allHeld:
            let text = """
                this transaction has a connection and needs another one beside it, for a second transaction or a read outside of it, and \
                all connections are held by transactions; do it in this transaction or before it, or raise maximumConnections
                """
            self.init(.timedOut, text, cause: error)
        case .connectionLost: self.init(.unavailable, "the connection was lost", cause: error)
        case .noAnswer: self.init(.timedOut, "the database did not answer in time", cause: error)
        case .closed: self.init(.unavailable, "the store has been shut down", cause: error)
        case .cancelled: self.init(.unavailable, "the task was cancelled", cause: CancellationError())
        case .invalidValue: self.init(.invalidValue, error.detail)
        case .unexpectedData:
            self.init(.schemaMismatch, "the database returned data of another type than expected", cause: error)
        }
    }

    /// Whether the database has refused the login or a right.
    package var isRefusal: Bool {
        let state = (self.cause as? ServerFailure)?.state ?? (self.cause as? PostgresError)?.state
        return state?.saysRefused == true
    }

    /// Converts the loss of a session before an answer.
    ///
    /// - Parameter isCommit: a commit has been sent, which may have taken effect.
    init(_ loss: SessionLoss, isCommit: Bool) {
        switch loss {
        case .reported(let failure) where !failure.state.saysUnavailable: self.init(failure, of: nil)
        case _ where isCommit:
            self.init(.commitUnknown, "the connection was lost before the answer arrived", cause: loss.failure)
        case .reported(let failure): self.init(failure, of: nil)
        case .noAnswer: self.init(PostgresError(.noAnswer))
        case .silent: self.init(PostgresError(.connectionLost))
        }
    }

    /// Converts an error that the server has reported for a write, or for another statement.
    init(_ failure: ServerFailure, of write: PostgresWrite?) {
        let place = write.map { "\($0.table): " } ?? ""
        switch failure.state {
        case .uniqueViolation:
            let name = failure.constraint ?? ""
            self.init(.conflict, "unique key \(name) is taken", key: name, cause: failure)
        case .divisionByZero where write?.mustTouchRow == true:
            self.init(.notFound, "\(write?.table ?? "") has no row with that id")
        case .invalidLogarithm where write?.mustTouchRow == true:
            self.init(.stale, "\(write?.table ?? ""): the row has been changed since it was read")
        case .lockNotAvailable:
            let text = "\(place)a row was locked by another transaction for longer than lockTimeout (55P03)"
            self.init(.locked, text, cause: failure)
        case let state where state.isContention:
            self.init(.serialization, "\(place)the transaction must be run again (\(state.code))", cause: failure)
        case let state where failure.invalidatesPreparedStatement:
            self.init(.serialization, "\(place)the statement must be prepared again (\(state.code))", cause: failure)
        case .queryCanceled:
            self.init(
                .timedOut,
                "\(place)the statement was cancelled, as after statementTimeout (57014)",
                cause: failure
            )
        case .idleInTransactionTimeout:
            let text = "the transaction was idle for longer than idleInTransactionTimeout (25P03)"
            self.init(.database, text, cause: failure)
        case .transactionTimeout:
            let text = "the transaction took longer than the server's transaction_timeout (25P04)"
            self.init(.database, text, cause: failure)
        case let state where state.saysUnavailable:
            self.init(.unavailable, "the database is not available (\(state.code))", cause: failure)
        case let state where state.isAboutValues:
            self.init(.invalidValue, "\(place)a value cannot be stored (\(state.code))", cause: failure)
        case .insufficientPrivilege:
            let right = failure.statement.map { " for \($0)" } ?? ""
            let problem = failure.schemaProblem.map { ": \($0)" } ?? ""
            self.init(.database, "the role lacks a right\(right)\(problem) (42501)", cause: failure)
        case let state where state.isAboutSchema:
            let problem = failure.schemaProblem.map { ": \($0)" } ?? ""
            let statement = failure.statement.map { " in \($0)" } ?? ""
            let text = "\(place)the schema does not match the database\(problem) (\(state.code)\(statement))"
            self.init(.schemaMismatch, text, cause: failure)
        case let state:
            self.init(.database, "\(place)the database reported an error (\(state.code))", cause: failure)
        }
    }
}
