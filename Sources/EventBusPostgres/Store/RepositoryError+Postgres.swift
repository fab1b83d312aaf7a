// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

extension RepositoryError {
    /// What happened before or instead of an answer.
    init(_ error: PostgresError) {
        switch error.code {
        case .server:
            guard let failure = error.failure else {
                self.init(.database, "the database said no", cause: error)
                return
            }
            self.init(failure, of: nil)
        case .unavailable: self.init(.unavailable, "the database cannot be reached", cause: error)
        case .waitTimedOut: self.init(.unavailable, "no connection was free in time", cause: error)
        case .connectionLost: self.init(.unavailable, "the connection was lost", cause: error)
        case .closed: self.init(.unavailable, "the store has been shut down", cause: error)
        case .cancelled: self.init(.unavailable, "the task was cancelled", cause: CancellationError())
        case .invalidValue: self.init(.invalidValue, error.detail)
        case .unexpectedData: self.init(.schemaMismatch, "a column has another type than its schema says", cause: error)
        }
    }

    /// What the server's answer to a write, or to something else, means.
    init(_ failure: ServerFailure, of write: PostgresWrite?) {
        let place = write.map { "\($0.table): " } ?? ""
        switch failure.state {
        case .uniqueViolation:
            let name = failure.constraint ?? ""
            self.init(.conflict, "unique key \(name) is taken", key: name, cause: failure)
        case .divisionByZero where write?.mustTouchRow == true:
            self.init(.notFound, "\(write?.table ?? "") has no row with that id")
        case let state where state.isTransient || state.spoilsPreparedStatement:
            self.init(.serialization, "\(place)the transaction could not be ordered (\(state.code))", cause: failure)
        case let state where state.saysUnavailable:
            self.init(.unavailable, "the database is not available (\(state.code))", cause: failure)
        case let state where state.isAboutValues:
            self.init(.invalidValue, "\(place)a value cannot be stored (\(state.code))", cause: failure)
        case let state where state.isAboutSchema:
            self.init(
                .schemaMismatch,
                "\(place)schema and database do not fit together (\(state.code))",
                cause: failure
            )
        case let state:
            self.init(.database, "\(place)the database said no (\(state.code))", cause: failure)
        }
    }
}
