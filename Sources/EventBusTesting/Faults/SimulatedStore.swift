// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Persistence
import Synchronization

/// A store as a process of a simulation sees it: what can go wrong does.
struct SimulatedStore: Store {
    let name: String
    let process: SimulatedProcess
    private let base: InMemoryStore

    init(_ name: String, of process: SimulatedProcess) {
        self.name = name
        self.process = process
        self.base = process.simulation.store(name)
    }

    func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        let begin = try await self.enter(.begin)
        if begin == .shutdown { self.process.shutDown() }
        var commit: Fault?
        let starts = Starts()
        do {
            let result = try await Starts.$current.withValue(starts) {
                try await self.base.transaction { transaction in
                    let result = try await body(transaction)
                    commit = try await self.enter(.commit)
                    if commit == .conflict { throw RepositoryError(.serialization, "a conflict of the simulation") }
                    return result
                }
            }
            await self.process.answerTravels()
            if commit == .lostAnswer { throw RepositoryError(.commitUnknown, "the answer was lost in the simulation") }
            try self.process.leave(.commit, commit)
            return result
        } catch {
            self.record(error, starts)
            throw error
        }
    }

    /// Tells a start that failed by itself from one that will be made again under the same number.
    private func record(_ error: any Error, _ starts: Starts) {
        guard !(error is ProcessDied), !(error is CancellationError) else { return }
        let isAway = (error as? RepositoryError)?.isTransient == true
        for message in starts.messages {
            let what: History.What =
                isAway || starts.isBatch
                ? .unfinished(message.consumer, message.id) : .failed(message.consumer, message.id)
            self.process.simulation.history.record(what, by: self.process)
        }
    }

    /// The beginning of a call of the store.
    func enter(_ call: FaultCall) async throws -> Fault? {
        let fault = try await self.process.enter(call)
        let outages = self.process.simulation.outages
        if fault == .storeOutage {
            outages.takeStoreAway(self.name, for: .milliseconds(50 + self.process.below(20000)))
        }
        if fault == .unavailable || outages.storeIsAway(self.name) {
            throw RepositoryError(.unavailable, "the store is away")
        }
        return fault
    }

    /// As ``enter(_:)``, for calls that throw a store's errors only.
    func enterRepository(_ call: FaultCall) async throws(RepositoryError) -> Fault? {
        do {
            return try await self.enter(call)
        } catch {
            throw (error as? RepositoryError) ?? RepositoryError(.unavailable, "the process has died", cause: error)
        }
    }

    /// The end of a call that throws a store's errors only.
    func leaveRepository(_ call: FaultCall, _ fault: Fault?) throws(RepositoryError) {
        if fault == .lostAnswer { throw RepositoryError(.unavailable, "the answer was lost in the simulation") }
        do {
            try self.process.leave(call, fault)
        } catch {
            throw RepositoryError(.unavailable, "the process has died", cause: error)
        }
    }

    func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        SimulatedRepository(store: self, base: self.base.repository(for: model))
    }

    var outbox: any Outbox { SimulatedOutbox(store: self, base: self.base.outbox) }

    func isHandled(_ messageID: String, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        _ = try await self.enterRepository(.find)
        return try await self.base.isHandled(messageID, by: consumer)
    }

    func claimStart(
        of messageID: String,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        let fault = try await self.enterRepository(.claim)
        let count = try await self.base.claimStart(of: messageID, by: consumer, as: start)
        await self.process.answerTravels()
        try self.leaveRepository(.claim, fault)
        return count
    }
}

/// The messages whose handlers a transaction starts.
final class Starts: Sendable {
    @TaskLocal static var current: Starts?

    private struct State: Sendable {
        var messages: [(consumer: SubscriptionName, id: String)] = []
        var isBatch = false
    }

    private let state = Mutex(State())

    var messages: [(consumer: SubscriptionName, id: String)] { self.state.withLock { $0.messages } }

    /// Whether the messages share the transaction: when it fails, each is started again by itself.
    var isBatch: Bool { self.state.withLock { $0.isBatch } }

    func append(_ ids: [String], of count: Int, by consumer: SubscriptionName) {
        self.state.withLock { state in
            state.messages += ids.map { (consumer, $0) }
            state.isBatch = state.isBatch || count > 1
        }
    }
}

/// Writes what happens in a durable store into the history.
struct StoreRecorder: InMemoryStoreObserver {
    let name: String
    let history: History
    let onCommit: @Sendable ([Message]) -> Void

    func willHandle(_ ids: [String], of count: Int, by consumer: SubscriptionName) {
        Starts.current?.append(ids, of: count, by: consumer)
        for id in ids { self.history.record(.started(consumer, id), at: self.name) }
    }

    func didClaim(_ id: String, by consumer: SubscriptionName) {
        // Starts after a redrive are counted under the message's id and the number of redrives.
        self.history.record(.claimed(consumer, String(id.prefix { $0 != "#" })), at: self.name)
    }

    func didCommit(published: [Message], handled: [(consumer: SubscriptionName, id: String)]) {
        for (consumer, id) in handled { self.history.record(.handled(consumer, id), at: self.name) }
        if !published.isEmpty { self.onCommit(published) }
        for message in published {
            self.history.record(.committed(message.id, message.topic, key: message.orderingKey), at: self.name)
        }
    }
}
