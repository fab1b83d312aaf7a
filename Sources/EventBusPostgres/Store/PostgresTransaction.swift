// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// A transaction of a Postgres store: its collected writes and its first error.
///
/// Without a read it never holds a connection: `commit` sends all writes as one implicit transaction (PostgreSQL 15
/// manual, 55.2.2.1), which small ones that only insert share. The first read takes a connection and opens an explicit transaction.
final class PostgresTransaction: TransactionContext, ConnectionHolder {
    private struct State: Sendable {
        var writes: [PostgresWrite] = []
        var messages: [Message] = []
        var hasPublished = false
        var lease: ConnectionPool.Lease?
    }

    private static let begin = Statement("BEGIN")
    private static let commit = Statement("COMMIT")
    private static let rollback = Statement("ROLLBACK")

    let storage: PostgresStorage
    private let state = Collected(State())

    /// The transaction in whose body this one was begun.
    private let outer = ConnectionPool.holder

    init(storage: PostgresStorage) {
        self.storage = storage
    }

    /// The first error, after which the transaction can only fail.
    var failure: RepositoryError? { self.state.failure }
    /// Whether the transaction, or one around it, has a connection of the pool until it ends.
    func holdsConnection(of pool: ConnectionPool) -> Bool {
        if self.storage.pool === pool, self.state.withLock({ $0.lease != nil }) { return true }
        return self.outer?.holdsConnection(of: pool) ?? false
    }

    /// Whether the transaction includes events.
    var hasPublished: Bool { self.state.withLock { $0.hasPublished } }

    func publish(_ message: Message) throws(RepositoryError) {
        try self.state.change { state throws(RepositoryError) in
            try message.checkStorable()
            state.messages.append(message)
            state.hasPublished = true
        }
    }

    /// Collects a write.
    ///
    /// If `write` throws, the transaction has failed.
    func collect(_ write: () throws(RepositoryError) -> PostgresWrite) throws(RepositoryError) {
        try self.state.change { state throws(RepositoryError) in state.writes.append(try write()) }
    }

    func markHandled(
        _ events: [EventIdentity],
        by consumer: SubscriptionName
    ) async throws(RepositoryError) -> [Bool] {
        let statement = try RepositoryError.converting { try self.storage.inbox.mark(events, by: consumer) }
        let rows = try await self.read(statement) ?? Rows(columnCount: 2)
        var fresh = Set(
            try RepositoryError.converting {
                try rows.map { EventIdentity(source: try $0.text(1), id: try $0.text(0)) }
            }
        )
        return events.map { fresh.remove($0) != nil }
    }

    /// Sends the collected writes, then the statement.
    ///
    /// Without a statement, the caller knows that it would find nothing.
    func read(_ statement: Statement?) async throws(RepositoryError) -> Rows? {
        let (writes, held) = try self.takeWrites()
        var statements = writes.map(\.statement)
        if let statement { statements.append(statement) }
        guard !statements.isEmpty else { return nil }
        if held == nil { statements.insert(PostgresTransaction.begin, at: 0) }
        do {
            let lease = if let held { held } else { try await self.storage.pool.lease(.exclusive) }
            if held == nil { self.state.withLock { $0.lease = lease } }
            let outcome = await lease.connection.run(statements)
            let offset = held == nil ? 1 : 0
            let results = try PostgresTransaction.results(outcome, writes: writes, offset: offset, isCommit: false)
            return statement == nil ? nil : results.last?.rows
        } catch {
            throw self.state.fail(RepositoryError(error))
        }
    }

    /// Commits the collected writes.
    ///
    /// After an error nothing is committed, except perhaps with `commitUnknown`.
    func commit() async throws(RepositoryError) {
        var (writes, lease) = try self.takeWrites()
        if let events = try self.takeMessages() { writes.append(events) }
        self.state.end { _ in }
        guard let lease else {
            guard !writes.isEmpty else { return }
            do {
                let outcome = try await self.commit(writes)
                _ = try PostgresTransaction.results(outcome, writes: writes, offset: 0, isCommit: true)
            } catch {
                throw RepositoryError(error)
            }
            return
        }
        let statements = writes.map(\.statement) + [PostgresTransaction.commit]
        let outcome = await lease.connection.run(statements)
        let results = try PostgresTransaction.results(outcome, writes: writes, offset: 0, isCommit: true)
        // In a failed transaction COMMIT succeeds with the tag ROLLBACK (PostgreSQL 15 manual, COMMIT).
        guard results.last?.hasCommitted == true else {
            throw RepositoryError(.database, "the transaction was rolled back")
        }
    }

    /// Commits an implicit transaction.
    private func commit(_ writes: [PostgresWrite]) async throws(PostgresError) -> SegmentOutcome {
        let statements = writes.map(\.statement)
        return writes.mayShareCommit
            ? try await self.storage.pool.insert(statements) : try await self.storage.pool.run(statements)
    }

    /// Ends the transaction and releases its connection, rolled back if it was not committed.
    func end(committed: Bool) async {
        let lease = self.state.end { state in
            state.writes = []
            state.messages = []
            defer { state.lease = nil }
            return state.lease
        }
        guard let lease else { return }
        guard !committed else { return self.storage.pool.release(lease, .exclusive) }
        let outcome = await lease.connection.run([PostgresTransaction.rollback])
        var isReusable = false
        if case .completed = outcome { isReusable = true }
        self.storage.pool.release(lease, .exclusive, isReusable: isReusable)
    }

    /// Takes the collected writes, without the events.
    private func takeWrites() throws(RepositoryError) -> ([PostgresWrite], ConnectionPool.Lease?) {
        try self.state.change { state in
            defer { state.writes = [] }
            return (state.writes, state.lease)
        }
    }

    /// Takes the events, as one write.
    ///
    /// It has to be the last one before the commit: then the outbox rows of transactions that wait for each other are in the
    /// order of their commits.
    private func takeMessages() throws(RepositoryError) -> PostgresWrite? {
        let messages = try self.state.change { state in
            defer { state.messages = [] }
            return state.messages
        }
        guard !messages.isEmpty else { return nil }
        do {
            return PostgresWrite(try self.storage.outboxRows.insert(messages), table: "eventbus_outbox")
        } catch {
            throw self.state.fail(RepositoryError(error))
        }
    }

    private static func results(
        _ outcome: SegmentOutcome,
        writes: [PostgresWrite],
        offset: Int,
        isCommit: Bool
    ) throws(RepositoryError) -> ArraySlice<StatementResult> {
        switch outcome {
        case .completed(let results): return results
        case .failed(let failure, let index):
            let write = writes.indices.contains(index - offset) ? writes[index - offset] : nil
            throw RepositoryError(failure, of: write)
        case .notSent(let loss): throw RepositoryError(loss, isCommit: false)
        case .lost(let loss): throw RepositoryError(loss, isCommit: isCommit)
        }
    }
}
