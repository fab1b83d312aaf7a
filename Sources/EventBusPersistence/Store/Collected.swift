// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// What a transaction has collected, behind a lock, until the transaction ends or fails; for stores.
///
/// After its first error a transaction can only fail.
package final class Collected<Value: Sendable>: Sendable {
    private struct State: Sendable {
        var value: Value
        var failure: RepositoryError?
        var hasEnded = false
    }

    private let state: Mutex<State>

    package init(_ value: Value) {
        self.state = Mutex(State(value: value))
    }

    /// The first error.
    package var failure: RepositoryError? { self.state.withLock { $0.failure } }

    /// Reads or changes the value, also after the end.
    package func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        self.state.withLock { body(&$0.value) }
    }

    /// Changes the value of an open transaction; if that throws, the transaction has failed.
    ///
    /// - Parameter isLast: the transaction takes nothing more afterwards.
    package func change<Result: Sendable>(
        isLast: Bool = false,
        _ change: (inout Value) throws(RepositoryError) -> Result
    ) throws(RepositoryError) -> Result {
        try self.state.withLock { state throws(RepositoryError) in
            if state.hasEnded { throw RepositoryError(.transactionEnded, "the transaction's scope has ended") }
            if let failure = state.failure { throw failure }
            state.hasEnded = isLast
            do throws(RepositoryError) {
                return try change(&state.value)
            } catch {
                state.failure = error
                throw error
            }
        }
    }

    /// Records an error unless there is one already, and returns it.
    package func fail(_ error: RepositoryError) -> RepositoryError {
        self.state.withLock { $0.failure = $0.failure ?? error }
        return error
    }

    /// Ends the transaction.
    package func end<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        self.state.withLock { state in
            state.hasEnded = true
            return body(&state.value)
        }
    }
}
