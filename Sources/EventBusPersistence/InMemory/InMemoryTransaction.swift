// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// A transaction of an in-memory store: its collected writes and its first error.
///
/// As with a database, the writes are executed at the first read after them or at the commit.
final class InMemoryTransaction: TransactionContext {
    private struct State: Sendable {
        var writes: [TableWrite] = []
        var messages: [Message] = []
        /// The transaction's number, once it has executed something.
        var owner: RowLocks.Owner?
        var marked: [InboxKey] = []
        var isExecuting = false
    }

    let storage: InMemoryStorage
    private let state = Collected(State())

    init(storage: InMemoryStorage) {
        self.storage = storage
    }

    /// The first error, after which the transaction can only fail.
    var failure: RepositoryError? { self.state.failure }

    /// The row that the first of the collected writes needs.
    var nextRow: RowKey? { self.state.withLock { $0.writes.first?.key } }

    func publish(_ message: Message) throws(RepositoryError) {
        try self.state.change { state throws(RepositoryError) in
            try message.checkStorable()
            state.messages.append(message)
        }
    }

    /// Collects a write.
    ///
    /// If `write` throws, the transaction has failed.
    func collect(_ write: () throws(RepositoryError) -> TableWrite) throws(RepositoryError) {
        try self.state.change { state throws(RepositoryError) in state.writes.append(try write()) }
    }

    /// Executes the collected writes, then reads what the transaction sees.
    func read(_ lookup: RowLookup, _ lock: RowLock) async throws(RepositoryError) -> [ColumnValue]? {
        guard lock == .none else { return try await self.execute(try self.take(), locking: lookup).locked }
        let owner = try await self.execute(try self.take()).owner
        return self.storage.withContents { $0.row(lookup, for: owner) }
    }

    func markHandled(
        _ events: [EventIdentity],
        by consumer: SubscriptionName
    ) async throws(RepositoryError) -> [Bool] {
        self.storage.observer?.willMark(events, by: consumer)
        var keys: [InboxKey] = []
        for event in events { keys.append(try InboxKey(event, by: consumer)) }
        // Sorted, so that two batches with events in common wait for each other instead of causing a deadlock.
        let sorted = keys.count > 1 ? keys.sorted { $0.event < $1.event } : keys
        var fresh = Set(try await self.execute(try self.take(), marking: sorted).fresh)
        let answers = keys.map { fresh.remove($0) != nil }
        self.storage.observer?.willHandle(zip(events, answers).filter(\.1).map(\.0), of: events.count, by: consumer)
        return answers
    }

    /// Commits what has been collected, and returns whether that includes events.
    func commit() async throws(RepositoryError) -> Bool {
        let owner = try await self.execute(try self.take(isLast: true)).owner
        let (messages, marked) = self.state.withLock { ($0.messages, $0.marked) }
        self.storage.observer?.didCommit(published: messages, handled: marked.map { ($0.consumer, $0.event) })
        let time = marked.isEmpty ? nil : Stamp.next().time
        self.storage.end { $0.commit(owner, publishing: messages, at: time) }
        return !messages.isEmpty
    }

    /// Rolls back at once, as a database does when it gives up the session; whatever follows fails.
    func abort() {
        _ = self.fail(RepositoryError(.unavailable, "the store has ended the session"))
    }

    /// Ends the transaction, rolled back if it has not been committed.
    func end() {
        if let owner = self.state.end({ $0.owner }) { self.storage.end { $0.rollBack(owner) } }
    }

    /// Executes writes, then marks events or locks a row; whatever another transaction holds has to be waited for.
    ///
    /// - Returns: the transaction's number, if it has one by now, the events that were not marked before, and the row that was locked.
    private func execute(
        _ writes: [TableWrite],
        marking keys: [InboxKey] = [],
        locking lookup: RowLookup? = nil
    ) async throws(RepositoryError) -> (owner: RowLocks.Owner?, fresh: [InboxKey], locked: [ColumnValue]?) {
        let isNeeded = !writes.isEmpty || !keys.isEmpty || lookup != nil
        guard let owner = self.owner(needed: isNeeded) else { return (nil, [], nil) }
        var (writes, keys, read) = (writes[...], keys[...], lookup.map(LockingRead.init))
        var fresh: [InboxKey] = []
        var isDone = false
        while !isDone {
            let progress = self.storage.withContents { contents in
                let progress = contents.execute(&writes, marking: &keys, &fresh, for: owner)
                guard case .done = progress else { return progress }
                return contents.lock(&read, for: owner)
            }
            switch progress {
            case .done: isDone = true
            case .failed(let error): throw self.fail(error)
            case .waits:
                guard await self.wait(as: owner) else {
                    let error = RepositoryError(.unavailable, "the task was cancelled", cause: CancellationError())
                    throw self.fail(error)
                }
                // The wait was too long.
                if let failure = self.failure, failure.code == .locked { throw failure }
            }
        }
        self.state.withLock { state in
            state.marked += fresh
            state.isExecuting = false
        }
        return (owner, fresh, read?.row)
    }

    /// Waits for what the transaction needs now, and ends the transaction if that takes too long.
    private func wait(as owner: RowLocks.Owner) async -> Bool {
        let key = self.storage.withContents { $0.locks.awaited(by: owner) }
        return await self.storage.wait(owner) {
            guard let key, self.storage.withContents({ $0.locks.awaited(by: owner) }) == key else { return }
            let text = "a row was locked by another transaction for longer than lockTimeout"
            _ = self.fail(RepositoryError(.locked, text))
        }
    }

    /// Takes the collected writes; `execute` has to follow.
    private func take(isLast: Bool = false) throws(RepositoryError) -> [TableWrite] {
        try self.state.change(isLast: isLast) { state throws(RepositoryError) in
            guard !state.isExecuting else {
                throw RepositoryError(.database, "a transaction can be used by one task at a time")
            }
            state.isExecuting = true
            defer { state.writes = [] }
            return state.writes
        }
    }

    /// The transaction's number, which it gets when it executes something for the first time.
    private func owner(needed: Bool) -> RowLocks.Owner? {
        self.state.withLock { state in
            if state.owner == nil, needed { state.owner = self.storage.withContents { $0.begin() } }
            if !needed { state.isExecuting = false }
            return state.owner
        }
    }

    /// Records the first error and releases everything, as a database does at once.
    private func fail(_ error: RepositoryError) -> RepositoryError {
        let failure = self.state.fail(error)
        if let owner = self.owner(needed: false) { self.storage.end { $0.rollBack(owner) } }
        return failure
    }
}
