// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A store within the process, for tests and for programs that need no database.
///
/// Conflicts, atomicity, poisoned transactions and refused values are those of the Postgres store, and the same conformance
/// suite holds for both. What it cannot do is outlive the process.
public final class InMemoryStore: Store {
    let tables = Mutex(Tables())
    private let inMemoryOutbox: InMemoryOutbox

    /// Makes an empty store.
    public init() {
        self.inMemoryOutbox = InMemoryOutbox()
    }

    /// The events that have been committed and are not yet on the bus.
    public var outbox: any Outbox { StoreOutbox(store: self, shared: self.inMemoryOutbox) }

    /// Runs `body` and commits what it has collected; see ``Store/transaction(_:)``.
    public func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        let context = InMemoryTransaction(store: self)
        defer { context.end() }
        let result: Result
        do {
            result = try await body(Transaction(context))
        } catch {
            throw context.failure ?? error
        }
        let published = try context.commit()
        if published { self.inMemoryOutbox.raiseLevel() }
        return result
    }

    /// The entities of a type in this store.
    public func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        InMemoryRepository<Model>(store: self)
    }

    /// Claims one more start of handling a message; see ``Store/claimStart(of:by:)``.
    public func claimStart(of messageID: String, by consumer: SubscriptionName) async throws(RepositoryError) -> Int {
        self.tables.withLock { $0.claimStart(Tables.InboxKey(consumer: consumer, messageID: messageID)) }
    }
}

/// A transaction of an in-memory store: the writes that it has collected, and its first error.
final class InMemoryTransaction: TransactionContext {
    private struct State: Sendable {
        var writes: [Tables.Write] = []
        var failure: RepositoryError?
        var hasEnded = false
    }

    let store: InMemoryStore
    private let state = Mutex(State())

    init(store: InMemoryStore) {
        self.store = store
    }

    /// The error that has poisoned the transaction.
    var failure: RepositoryError? { self.state.withLock { $0.failure } }

    func publish(_ message: Message) throws(RepositoryError) {
        try self.collect(.publish(message))
    }

    func collect(_ write: Tables.Write) throws(RepositoryError) {
        try self.state.withLock { state throws(RepositoryError) in
            try InMemoryTransaction.checkOpen(state)
            state.writes.append(write)
        }
    }

    /// Reads with the collected writes in place; the first write that fails poisons the transaction.
    func read<Result: Sendable>(_ read: @Sendable (inout Tables) -> Result) throws(RepositoryError) -> Result {
        try self.state.withLock { state throws(RepositoryError) in
            try InMemoryTransaction.checkOpen(state)
            do throws(RepositoryError) {
                let writes = state.writes
                return try self.store.tables.withLock { tables throws(RepositoryError) in
                    try tables.reading(after: writes, read)
                }
            } catch {
                state.failure = error
                throw error
            }
        }
    }

    func markHandled(_ ids: [String], by consumer: SubscriptionName) async throws(RepositoryError) -> [Bool] {
        var fresh: [Bool] = []
        for id in ids {
            let key = Tables.InboxKey(consumer: consumer, messageID: id)
            let isNew = try self.read { !$0.isHandled(key) }
            if isNew { try self.collect(.markHandled(key)) }
            fresh.append(isNew)
        }
        return fresh
    }

    /// Applies what was collected; says whether events were among it.
    func commit() throws(RepositoryError) -> Bool {
        try self.state.withLock { state throws(RepositoryError) in
            try InMemoryTransaction.checkOpen(state)
            let writes = state.writes
            try self.store.tables.withLock { tables throws(RepositoryError) in try tables.commit(writes) }
            state.hasEnded = true
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
