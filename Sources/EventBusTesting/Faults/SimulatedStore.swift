// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// A store of a simulated process, with faults.
struct SimulatedStore: Store {
    private let calls: StoreCalls
    private let base: InMemoryStore

    init(_ name: String, of process: SimulatedProcess) {
        self.calls = StoreCalls(name: name, process: process)
        self.base = process.world.store(name)
    }

    private var process: SimulatedProcess { self.calls.process }

    func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        let begin = try await self.calls.enter(.begin)
        var commit: Fault?
        let starts = TransactionStarts(at: self.process.place) { [process] in process.started($0, by: $1) }
        do {
            let result = try await TransactionStarts.$current.withValue(starts) {
                try await self.transaction(isLate: begin == .lateCommit) { transaction in
                    let context = transaction.context
                    let session = self.process.transactions.open { InMemoryStore.abort(context) }
                    defer { self.process.transactions.close(session) }
                    let result = try await body(transaction)
                    commit = try await self.calls.enter(.commit)
                    if let failure = starts.commitFailure { throw failure }
                    if commit == .conflict { throw RepositoryError(.serialization, "a conflict of the simulation") }
                    return result
                }
            }
            await self.process.letOthersRun()
            if commit == .lostAnswer { throw RepositoryError(.commitUnknown, "the answer was lost in the simulation") }
            try self.process.leave(.commit, commit)
            return result
        } catch {
            self.record(error, starts)
            throw error
        }
    }

    private func transaction<Result: Sendable>(
        isLate: Bool,
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        guard isLate else { return try await self.base.transaction(body) }
        let session = LateSession()
        let (world, delay) = (self.process.world, Duration.milliseconds(1 + self.process.below(60_000)))
        world.onServer { [base] in try await session.serve(base, committingAfter: delay, on: world.clock) }
        return try await session.run(body)
    }

    /// Records whether a start failed by itself or will be repeated under the same number.
    private func record(_ error: any Error, _ starts: TransactionStarts) {
        guard !(error is ProcessDied), !self.process.isDead else { return }
        // The time limit, or the end of the subscription. A batch is not an attempt of each of its messages.
        guard !(error is CancellationError) || starts.isBatch else { return }
        let isAway = (error as? RepositoryError)?.isTransient == true
        // Then the messages are held, begun or not.
        if isAway { self.process.callFailed() }
        for (consumer, event) in starts.messages {
            if isAway || starts.isBatch {
                self.process.record(.unfinished(consumer, event))
            } else {
                self.process.record(.failed(consumer, event))
                self.process.failedStart(of: event, by: consumer)
            }
        }
    }

    func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        SimulatedRepository(calls: self.calls, base: self.base.repository(for: model))
    }

    var outbox: any Outbox { SimulatedOutbox(calls: self.calls, base: self.base.outbox) }

    func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        do {
            return try await self.calls.perform(.find) { () throws(RepositoryError) in
                try await self.base.isHandled(event, by: consumer)
            }
        } catch {
            // So a handler that has failed because of a store is not to blame: its own store is in trouble too.
            if self.process.hasFailedStart(of: event, by: consumer) {
                self.process.record(.unfinished(consumer, event))
            }
            throw error
        }
    }

    func claimStart(
        of event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        try await self.calls.perform(.claim) { () throws(RepositoryError) in
            try await self.base.claimStart(of: event, redrive: redrive, by: consumer, as: start)
        }
    }
}
