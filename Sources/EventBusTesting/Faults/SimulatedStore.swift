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
                    if commit == .lockedRow {
                        let span = Duration.milliseconds(1 + self.process.below(8000))
                        self.process.world.hold(for: span) { self.base.holdRow(neededBy: context) }
                    }
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

    /// Records whether a start has failed, or notes that it will be made again under the same number.
    ///
    /// A consumer that gives such a start up nevertheless asks first whether the event has been handled; see ``isHandled(_:by:)``.
    private func record(_ error: any Error, _ starts: TransactionStarts) {
        guard !(error is ProcessDied), !self.process.isDead else { return }
        // The time limit, or the end of the subscription. A batch is not an attempt of each of its messages.
        guard !(error is CancellationError) || starts.isBatch else { return }
        // Then the messages are held, begun or not.
        if (error as? RepositoryError)?.isTransient == true { self.process.callFailed() }
        if let (consumer, event) = starts.takeUnstarted() {
            // It is an attempt all the same.
            self.process.started([event], by: consumer)
            self.process.record(.started(consumer, event))
            // If the event is locked, another transaction handles it.
            self.record(error, of: event, by: consumer, isUndone: (error as? RepositoryError)?.code == .locked)
        }
        for (consumer, event) in starts.messages {
            if starts.isBatch {
                self.process.record(.unfinished(consumer, event))
            } else {
                self.record(error, of: event, by: consumer)
            }
        }
    }

    private func record(
        _ error: any Error,
        of event: EventIdentity,
        by consumer: SubscriptionName,
        isUndone: Bool = false
    ) {
        if isUndone || (error as? RepositoryError)?.trouble != nil {
            self.process.note(.undone, about: event, by: consumer)
            return
        }
        self.process.record(.failed(consumer, event))
        let cause = (error as? HandlerError)?.cause as? RepositoryError
        if let trouble = cause?.trouble, trouble != .contended {
            self.process.note(.blamesStore, about: event, by: consumer)
        }
    }

    func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        SimulatedRepository(calls: self.calls, base: self.base.repository(for: model))
    }

    var outbox: any Outbox { SimulatedOutbox(calls: self.calls, base: self.base.outbox) }

    func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        do {
            let isHandled = try await self.calls.perform(.find) { () throws(RepositoryError) in
                try await self.base.isHandled(event, by: consumer)
            }
            let doubt = self.process.takeDoubt(about: event, by: consumer)
            if doubt == .undone, !isHandled { self.process.record(.failed(consumer, event)) }
            return isHandled
        } catch {
            // So a handler that has failed because of a store is not to blame: its own store is in trouble too.
            if self.process.takeDoubt(about: event, by: consumer) != nil {
                self.process.note(.undone, about: event, by: consumer)
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
