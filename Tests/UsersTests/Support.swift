// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization
import Testing

@testable import EventBusUsers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A fast hasher that counts its calls.
final class CheapHasher: PasswordHasher {
    private let count = Mutex(0)
    private let everybodyIsHere: (level: Notifier, count: UInt64)?

    /// Creates a hasher that answers when a number of callers have arrived.
    init(untilHere count: UInt64? = nil) {
        self.everybodyIsHere = count.map { (Notifier(), $0) }
    }

    var calls: Int { self.count.withLock { $0 } }

    func hash(_ password: String) async throws -> String {
        self.count.withLock { $0 += 1 }
        if let (level, count) = self.everybodyIsHere {
            level.raise()
            _ = try await level.wait(above: count - 1)
        }
        return "$cheap$\(password.utf8.count)"
    }

    func verify(_ password: String, against hash: String) async throws -> Bool {
        hash == "$cheap$\(password.utf8.count)"
    }
}

/// Stamps with the given ids, all with the same time.
final class FixedStamps: StampSource {
    private let next64: Mutex<UInt64>
    private let high: UInt64
    private let time: Date

    init(_ first: Identifier, at time: Date) {
        self.high = first.high
        self.next64 = Mutex(first.low)
        self.time = time
    }

    func next() -> Stamp {
        let low = self.next64.withLock { low in
            defer { low += 1 }
            return low
        }
        return Stamp(id: Identifier(high: self.high, low: low), time: self.time)
    }
}

/// A store that cannot be reached, or is read-only.
struct UnreachableStore: Store {
    let base = InMemoryStore()
    var canRead = false

    static let error = RepositoryError(.unavailable, "unreachable")

    func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        throw Self.error
    }

    func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        self.canRead ? self.base.repository(for: model) : UnreachableRepository<Model>()
    }

    var outbox: any Outbox { self.base.outbox }

    func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        throw Self.error
    }

    func claimStart(
        of event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        throw Self.error
    }
}

private struct UnreachableRepository<Model: Entity>: Repository {
    func find(_ id: Model.ID) async throws(RepositoryError) -> Model? { throw UnreachableStore.error }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable
    ) async throws(RepositoryError) -> Model? { throw UnreachableStore.error }

    func taken(
        _ values: [UniqueKey<Model>: ColumnValue]
    ) async throws(RepositoryError) -> Set<UniqueKey<Model>> { throw UnreachableStore.error }

    func find(
        _ id: Model.ID,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? {
        throw UnreachableStore.error
    }

    func find(
        by key: UniqueKey<Model>,
        _ value: some ColumnConvertible & Sendable,
        in transaction: borrowing Transaction,
        lock: RowLock
    ) async throws(RepositoryError) -> Model? { throw UnreachableStore.error }

    func insert(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        throw UnreachableStore.error
    }

    func update(_ model: Model, in transaction: borrowing Transaction) throws(RepositoryError) {
        throw UnreachableStore.error
    }
}

extension Store {
    /// The messages that wait in the outbox.
    func waitingMessages() async throws -> [Message] {
        var messages: [Message] = []
        try await self.outbox.withOwnership { outbox in
            messages = try await outbox.exchange(published: [], limit: 1000, except: HeldRows()).map(\.message)
        }
        return messages
    }
}
