// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// A transaction of an in-memory store: its collected writes and its first error.
final class InMemoryTransaction: TransactionContext {
    private struct State: Sendable {
        var writes: [Tables.Write] = []
        var failure: RepositoryError?
        var hasEnded = false
    }

    let storage: InMemoryStorage
    private let state = Mutex(State())

    init(storage: InMemoryStorage) {
        self.storage = storage
    }

    /// The first error, after which the transaction can only fail.
    var failure: RepositoryError? { self.state.withLock { $0.failure } }

    func publish(_ message: Message) throws(RepositoryError) {
        try self.collect { () throws(RepositoryError) in
            try message.checkStorable()
            return .publish(message)
        }
    }

    /// Collects a write.
    ///
    /// If `write` throws, the transaction has failed.
    func collect(_ write: () throws(RepositoryError) -> Tables.Write) throws(RepositoryError) {
        try self.state.withLock { state throws(RepositoryError) in
            try InMemoryTransaction.checkOpen(state)
            do throws(RepositoryError) {
                state.writes.append(try write())
            } catch {
                state.failure = error
                throw error
            }
        }
    }

    /// Reads with the collected writes applied.
    ///
    /// If one of them cannot be applied, the transaction has failed.
    func read<Result: Sendable>(_ read: @Sendable (inout Tables) -> Result) throws(RepositoryError) -> Result {
        try self.state.withLock { state throws(RepositoryError) in
            try InMemoryTransaction.checkOpen(state)
            do throws(RepositoryError) {
                let writes = state.writes
                return try self.storage.tables.withLock { tables throws(RepositoryError) in
                    try tables.reading(after: writes, read)
                }
            } catch {
                state.failure = error
                throw error
            }
        }
    }

    func markHandled(
        _ events: [EventIdentity],
        by consumer: SubscriptionName
    ) async throws(RepositoryError) -> [Bool] {
        var fresh: [Bool] = []
        for event in events {
            let key = try Tables.InboxKey(event, by: consumer)
            let isNew = try self.read { !$0.isHandled(key) }
            if isNew { try self.collect { .markHandled(key) } }
            fresh.append(isNew)
        }
        self.storage.observer?.willHandle(zip(events, fresh).filter(\.1).map(\.0), of: events.count, by: consumer)
        return fresh
    }

    /// Applies the collected writes, and returns whether they include events.
    func commit() throws(RepositoryError) -> Bool {
        try self.state.withLock { state throws(RepositoryError) in
            try InMemoryTransaction.checkOpen(state)
            let writes = state.writes
            try self.storage.tables.withLock { tables throws(RepositoryError) in try tables.commit(writes) }
            state.hasEnded = true
            self.storage.observer?.didCommit(writes)
            return writes.contains { if case .publish = $0 { true } else { false } }
        }
    }

    func end() {
        self.state.withLock { $0.hasEnded = true }
    }

    private static func checkOpen(_ state: State) throws(RepositoryError) {
        if state.hasEnded { throw RepositoryError(.transactionEnded, "the transaction's scope has ended") }
        if let failure = state.failure { throw failure }
    }
}
