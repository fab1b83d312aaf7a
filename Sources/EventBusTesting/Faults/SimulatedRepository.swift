// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// A repository of a simulated process, with faults.
struct SimulatedRepository<Model: Entity>: Repository {
    let calls: StoreCalls
    let base: any Repository<Model>

    func find(_ id: Model.ID) async throws(RepositoryError) -> Model? {
        try await self.calls.perform(.find) { () throws(RepositoryError) in try await self.base.find(id) }
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable
    ) async throws(RepositoryError) -> Model? {
        try await self.calls.perform(.find) { () throws(RepositoryError) in try await self.base.find(by: key, value) }
    }

    func taken(
        _ values: [UniqueKey<Model>: ColumnValue]
    ) async throws(RepositoryError) -> Set<UniqueKey<Model>> {
        try await self.calls.perform(.find) { () throws(RepositoryError) in try await self.base.taken(values) }
    }

    func find(
        _ id: Model.ID,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? {
        try await self.calls.perform(.find) { () throws(RepositoryError) in
            try await self.base.find(id, in: transaction, lock: lock)
        }
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? {
        try await self.calls.perform(.find) { () throws(RepositoryError) in
            try await self.base.find(by: key, value, in: transaction, lock: lock)
        }
    }

    func insert(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        try self.base.insert(model, in: transaction)
    }

    func update(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        try self.base.update(model, in: transaction)
    }
}
