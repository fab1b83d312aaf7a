// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Handles deliveries in transactions of a store: inbox row, effects and outbox rows commit together.
struct StoreProcessor: DeliveryProcessor {
    let consumer: SubscriptionName
    let store: any Store
    let handlers: HandlerTable<Transaction>
    let batch: Int
    let countsAttempts = true

    var topics: [Topic] { self.handlers.topics }

    /// Claims each attempt after the first in the store before it starts, so that no crash hides it.
    func number(of attempt: Attempt, claim: Identifier) async throws -> Int {
        try await self.ask(orWhenUnstorable: attempt.failures + attempt.returns + 1) { store throws(RepositoryError) in
            1
                + (try await store.claimStart(
                    of: attempt.event,
                    redrive: attempt.redrives,
                    by: self.consumer,
                    as: claim
                ))
        }
    }

    func isHandled(_ event: EventIdentity) async throws -> Bool {
        try await self.ask(orWhenUnstorable: false) { store throws(RepositoryError) in
            try await store.isHandled(event, by: self.consumer)
        }
    }

    /// Asks the store about a message; returns `fallback` for an id that the store cannot hold, where waiting would not help.
    private func ask<Answer>(
        orWhenUnstorable fallback: Answer,
        _ body: (any Store) async throws(RepositoryError) -> Answer
    ) async throws -> Answer {
        do {
            return try await body(self.store)
        } catch  where error.code == .invalidValue || error.code == .database {
            return fallback
        } catch {
            try Task.checkCancellation()
            throw StoreUnavailable(error)
        }
    }

    func process(_ messages: [Message], within limit: WorkLimit) async throws -> ProcessingResult {
        do {
            // A message that cannot be handled at all needs no transaction.
            let work = try messages.map { (message: $0, handler: try self.handlers.handler(for: $0)) }
            let outage = try await limit.run { () -> RepositoryError? in
                do {
                    try await self.store.transaction { transaction in
                        let fresh = try await transaction.markHandled(work.map(\.message.identity), by: self.consumer)
                        for (item, isFresh) in zip(work, fresh) where isFresh {
                            try await item.handler.run(item.message, transaction)
                        }
                    }
                    return nil
                } catch let error as RepositoryError where error.isTransient {
                    // Returned rather than thrown, since it counts even after the limit: the commit may have taken effect.
                    return error
                }
            }
            return outage.map(ProcessingResult.storeUnavailable) ?? .done
        } catch {
            if !limit.hasPassed { try Task.checkCancellation() }
            return messages.count > 1 ? .failed(error) : self.result(of: messages[0], error)
        }
    }

    private func result(of message: Message, _ error: any Error) -> ProcessingResult {
        if let handler = try? self.handlers.handler(for: message), handler.isDone(error) { return .done }
        return ProcessingResult(error)
    }
}
