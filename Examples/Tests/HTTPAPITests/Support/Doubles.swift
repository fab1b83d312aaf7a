// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusPersistence
import EventBusUsers
import HTTPAPI
import Hummingbird

/// A hasher that costs nothing.
struct CheapHasher: PasswordHasher {
    func hash(_ password: String) async throws -> String { "$cheap$\(password.utf8.count)" }
    func verify(_ password: String, against hash: String) async throws -> Bool { false }
}

/// A hasher that always throws.
struct FailingHasher: PasswordHasher {
    let error: any Error
    func hash(_ password: String) async throws -> String { throw self.error }
    func verify(_ password: String, against hash: String) async throws -> Bool { throw self.error }
}

/// A store whose every operation fails.
struct FailingStore: Store {
    let error: RepositoryError

    func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        throw self.error
    }

    func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        FailingRepository<Model>(error: self.error)
    }

    var outbox: any Outbox { InMemoryStore().outbox }

    func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        throw self.error
    }

    func claimStart(
        of event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        throw self.error
    }
}

struct FailingRepository<Model: Entity>: Repository {
    let error: RepositoryError

    func find(_ id: Model.ID) async throws(RepositoryError) -> Model? { throw self.error }
    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable
    ) async throws(RepositoryError) -> Model? { throw self.error }
    func taken(
        _ values: [UniqueKey<Model>: ColumnValue]
    ) async throws(RepositoryError) -> Set<UniqueKey<Model>> { throw self.error }
    func find(
        _ id: Model.ID,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? {
        throw self.error
    }
    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? { throw self.error }
    func insert(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) { throw self.error }
    func update(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) { throw self.error }
}

extension Router where Context == BasicRequestContext {
    /// The API of a service that does everything.
    static func api(
        store: any Store = InMemoryStore(),
        hasher: any PasswordHasher = CheapHasher(),
        readiness: Readiness = Readiness(requires: [])
    ) -> Router {
        Router(
            named: "everything",
            serving: RegistrationAPI(Users(store: store, hasher: hasher)).endpoints
                + AccountAPI(Payments(store: store)).endpoints
                + HealthAPI(readiness).endpoints
        )
    }
}
