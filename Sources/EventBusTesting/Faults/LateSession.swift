// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

/// A transaction whose commit the client gives up waiting for, and which the server commits later all the same.
final class LateSession: Sendable {
    private struct State: Sendable {
        var context: (any TransactionContext)?
        var commits = false
    }

    private struct RolledBack: Error {}

    private let state = Mutex(State())
    /// Raised when the server has begun the transaction.
    private let begun = Signal()
    /// Raised when the client has said how it ends.
    private let decided = Signal()

    /// The server's part.
    func serve(_ store: InMemoryStore, committingAfter delay: Duration, on clock: VirtualClock) async throws {
        defer { self.begun.raise() }
        try await store.transaction { transaction in
            self.state.withLock { $0.context = transaction.context }
            self.begun.raise()
            await self.decided.wait()
            guard self.state.withLock({ $0.commits }) else { throw RolledBack() }
            try await clock.sleep(for: delay)
        }
    }

    /// The client's part.
    func run<Result: Sendable>(_ body: (borrowing Transaction) async throws -> Result) async throws -> Result {
        defer { self.decided.raise() }
        await self.begun.wait()
        guard let context = self.state.withLock({ $0.context }) else { throw StoreCalls.timedOut }
        _ = try await body(Transaction(context))
        try Task.checkCancellation()
        self.state.withLock { $0.commits = true }
        throw RepositoryError(.commitUnknown, "the commit was not confirmed in time")
    }
}
