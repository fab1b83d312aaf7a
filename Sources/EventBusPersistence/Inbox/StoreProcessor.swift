// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// Handles deliveries in transactions of a store: inbox row, effects and outbox rows commit together.
struct StoreProcessor: DeliveryProcessor {
    let consumer: SubscriptionName
    let store: any Store
    let handlers: HandlerTable<Transaction>
    let batch: Int
    let countsAttempts = true

    var topics: [Topic] { self.handlers.topics }

    var removedTopics: [Topic] { self.handlers.removedTopics }

    func misfit(of message: Message) -> Misfit? { self.handlers.misfit(of: message) }

    /// Claims each attempt after the first in the store before it starts, so that no crash hides it.
    func number(of attempt: Attempt, claim: Identifier) async throws -> Int {
        try await self.ask(orWhenUnstorable: attempt.numberOnBus) { store throws(RepositoryError) in
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
            throw StoreTrouble(error.trouble ?? (error.code == .locked ? .contended : .away), error)
        }
    }

    func process(_ messages: [Message], within limit: WorkLimit) async throws -> ProcessingResult {
        do {
            // A message that cannot be handled at all needs no transaction.
            let work = try messages.map { (message: $0, handler: try self.handlers.handler(for: $0)) }
            let trouble = try await limit.run(about: messages) { () -> StoreTrouble? in
                var isMarking = false
                do {
                    try await self.store.transaction { transaction in
                        isMarking = true
                        let fresh = try await transaction.markHandled(work.map(\.message.identity), by: self.consumer)
                        isMarking = false
                        for (item, isFresh) in zip(work, fresh) where isFresh {
                            do {
                                try await item.handler.run(item.message, transaction)
                            } catch {
                                throw HandlerError(cause: error)
                            }
                        }
                    }
                    return nil
                } catch let error as RepositoryError {
                    // As after a freeze, or a commit that takes effect late: a failure could become a dead letter of an event that
                    // is handled a moment later.
                    if error.code == .locked, isMarking, messages.count == 1 { return StoreTrouble(.busy, error) }
                    // Returned rather than thrown, since it counts even after the limit: the commit may have taken effect.
                    guard let kind = error.trouble else { throw error }
                    return StoreTrouble(kind, error)
                }
            }
            return trouble.map(ProcessingResult.troubled) ?? .done
        } catch {
            if !limit.hasPassed { try Task.checkCancellation() }
            let cause = (error as? HandlerError)?.cause ?? error
            if !limit.hasPassed, let trouble = await self.trouble(behind: error, on: messages[0]) {
                return .troubled(trouble)
            }
            return messages.count > 1 ? .failed(cause) : self.result(of: messages[0], cause)
        }
    }

    /// What is wrong with the consumer's own store if a handler has failed because of some store.
    ///
    /// The handler may have used its store outside the transaction, or another store, whose trouble is the handler's own.
    private func trouble(behind error: any Error, on message: Message) async -> StoreTrouble? {
        guard let cause = (error as? HandlerError)?.cause as? RepositoryError,
            let kind = cause.trouble, kind != .contended
        else { return nil }
        do {
            _ = try await self.store.isHandled(message.identity, by: self.consumer)
            return nil
        } catch {
            return error.trouble.map { StoreTrouble($0, error) }
        }
    }

    private func result(of message: Message, _ error: any Error) -> ProcessingResult {
        if let handler = try? self.handlers.handler(for: message), handler.isDone(error) { return .done }
        return ProcessingResult(error)
    }
}

/// An error that a handler has thrown, as opposed to one of the store that its transaction belongs to.
package struct HandlerError: Error {
    package let cause: any Error
}

extension RepositoryError {
    /// What the error says of the store; `nil` if the same work would fail again.
    package var trouble: StoreTrouble.Kind? {
        switch self.code {
        case .unavailable, .commitUnknown: .away
        case .timedOut: .slow
        case .serialization: .contended
        default: nil
        }
    }
}
