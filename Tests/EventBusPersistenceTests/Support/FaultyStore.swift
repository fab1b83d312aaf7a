// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// An in-memory store whose calls fail on demand and are counted.
final class FaultyStore: Store {
    /// The calls that can fail.
    enum Call: Hashable, Sendable {
        /// Before the body has run.
        case transaction
        /// After the commit: it has taken effect, but the caller gets an error.
        case answer
        case claim
        case ownership
        case exchange
        /// An exchange that removes rows.
        case removal
    }

    private struct State: Sendable {
        var faults: [Call: [RepositoryError]] = [:]
        var counts: [Call: Int] = [:]
        var unreadable: [OutboxRow.ID: String] = [:]
    }

    let base = InMemoryStore()
    let pollInterval: Duration?
    /// Whether commits wake no relay, like those of another process.
    let isSilent: Bool
    private let state = Mutex(State())

    init(pollInterval: Duration? = nil, isSilent: Bool = false) {
        self.pollInterval = pollInterval
        self.isSilent = isSilent
    }

    /// Makes the next calls fail.
    func fail(_ call: Call, _ code: RepositoryError.Code = .unavailable, times: Int = 1) {
        let error = RepositoryError(code, "failed by a test")
        self.state.withLock { $0.faults[call, default: []] += Array(repeating: error, count: times) }
    }

    /// The rows of the outbox that cannot be read.
    var unreadable: [OutboxRow.ID: String] {
        get { self.state.withLock { $0.unreadable } }
        set { self.state.withLock { $0.unreadable = newValue } }
    }

    /// The number of calls, including those that failed.
    func count(_ call: Call) -> Int { self.state.withLock { $0.counts[call, default: 0] } }

    fileprivate func enter(_ call: Call) throws(RepositoryError) {
        let error = self.state.withLock { state -> RepositoryError? in
            state.counts[call, default: 0] += 1
            guard let error = state.faults[call]?.first else { return nil }
            state.faults[call]?.removeFirst()
            return error
        }
        if let error { throw error }
    }

    func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        try self.enter(.transaction)
        let result = try await self.base.transaction(body)
        try self.enter(.answer)
        return result
    }

    func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        self.base.repository(for: model)
    }

    func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        try self.enter(.claim)
        return try await self.base.isHandled(event, by: consumer)
    }

    func claimStart(
        of event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        try self.enter(.claim)
        return try await self.base.claimStart(of: event, redrive: redrive, by: consumer, as: start)
    }

    var outbox: any Outbox { FaultyOutbox(store: self, base: self.base.outbox) }
}

private struct FaultyOutbox: Outbox {
    let store: FaultyStore
    let base: any Outbox

    var commitCount: UInt64 { self.base.commitCount }
    var pollInterval: Duration? { self.store.pollInterval }

    func commits(after count: UInt64) async throws -> UInt64 {
        try await self.store.isSilent ? Notifier().wait(above: 0) : self.base.commits(after: count)
    }

    func withOwnership(_ body: (any OwnedOutbox) async throws -> Void) async throws {
        try self.store.enter(.ownership)
        try await self.base.withOwnership { try await body(FaultyOwnedOutbox(store: self.store, base: $0)) }
    }

    func oldest() async throws(RepositoryError) -> Date? { try await self.base.oldest() }
}

private struct FaultyOwnedOutbox: OwnedOutbox {
    let store: FaultyStore
    let base: any OwnedOutbox

    var unreadableRows: [OutboxRow.ID: String] { self.store.unreadable }

    func exchange(
        published: [OutboxRow.ID],
        limit: Int,
        except held: HeldRows
    ) async throws(RepositoryError) -> [OutboxRow] {
        try self.store.enter(.exchange)
        if !published.isEmpty { try self.store.enter(.removal) }
        return try await self.base.exchange(published: published, limit: limit, except: held)
    }
}
