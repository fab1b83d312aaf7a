// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

/// A store that reports what each of its transactions has committed.
struct ObservedStore: Store {
    let base: any Store
    let name: String
    let teller: Storyteller

    func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        let (result, context) = try await self.base.transaction { transaction in
            let context = ObservedTransaction(base: transaction.context, teller: self.teller)
            return (try await body(Transaction(context)), context)
        }
        let notes = context.notes
        if !notes.writes.isEmpty {
            self.teller.report(.committed(store: self.name, writes: notes.writes), key: notes.key)
        }
        return result
    }

    func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        ObservedRepository(base: self.base.repository(for: model))
    }

    var outbox: any Outbox { self.base.outbox }

    func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        try await self.base.isHandled(event, by: consumer)
    }

    func claimStart(
        of event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        try await self.base.claimStart(of: event, redrive: redrive, by: consumer, as: start)
    }
}

/// A transaction that notes what is written in it.
final class ObservedTransaction: TransactionContext {
    struct Notes: Sendable {
        var writes: [JourneyStep.Write] = []
        /// The ordering key of the event that was published.
        var key: String?
    }

    let base: any TransactionContext
    private let teller: Storyteller
    private let state = Mutex(Notes())

    init(base: any TransactionContext, teller: Storyteller) {
        self.base = base
        self.teller = teller
    }

    var notes: Notes { self.state.withLock { $0 } }

    func note(_ write: JourneyStep.Write) {
        self.state.withLock { $0.writes.append(write) }
    }

    func publish(_ message: Message) throws(RepositoryError) {
        try self.base.publish(message)
        self.state.withLock { notes in
            notes.writes.append(.outbox(message.topic))
            notes.key = message.orderingKey
        }
        if let key = message.orderingKey { self.teller.expect(key: key) }
    }

    func markHandled(_ events: [EventIdentity], by consumer: SubscriptionName) async throws(RepositoryError) -> [Bool] {
        let fresh = try await self.base.markHandled(events, by: consumer)
        for isFresh in fresh where isFresh { self.note(.inbox) }
        return fresh
    }
}

/// A repository whose writes are noted in their transaction.
struct ObservedRepository<Model: Entity>: Repository {
    let base: any Repository<Model>

    func find(_ id: Model.ID) async throws(RepositoryError) -> Model? {
        try await self.base.find(id)
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable
    ) async throws(RepositoryError) -> Model? {
        try await self.base.find(by: key, value)
    }

    func taken(
        _ values: [UniqueKey<Model>: ColumnValue]
    ) async throws(RepositoryError) -> Set<UniqueKey<Model>> {
        try await self.base.taken(values)
    }

    func find(
        _ id: Model.ID,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? {
        let context = try transaction.context(as: ObservedTransaction.self)
        return try await self.base.find(id, in: Transaction(context.base), lock: lock)
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? {
        let context = try transaction.context(as: ObservedTransaction.self)
        return try await self.base.find(by: key, value, in: Transaction(context.base), lock: lock)
    }

    func insert(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        let context = try transaction.context(as: ObservedTransaction.self)
        try self.base.insert(model, in: Transaction(context.base))
        context.note(.row(table: Model.schema.table))
    }

    func update(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        let context = try transaction.context(as: ObservedTransaction.self)
        try self.base.update(model, in: Transaction(context.base))
        context.note(.row(table: Model.schema.table))
    }
}
