// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Handles deliveries in transactions of a store: inbox row, effects and outbox rows commit together.
struct StoreProcessor: DeliveryProcessor {
    let consumer: SubscriptionName
    let store: any Store
    let handlers: HandlerTable<Transaction>
    let batch: Int
    let countsStarts = true

    var topics: [Topic] { self.handlers.topics }
    var ambiguousTopic: Topic? { self.handlers.ambiguousTopic }

    /// The first start is free; each later one is claimed in the store before it happens, so that no crash hides it.
    func startNumber(of start: Start, claim: Identifier) async throws -> Int {
        do {
            return 1 + (try await self.store.claimStart(of: Self.key(of: start), by: self.consumer, as: claim))
        } catch  where error.code == .invalidValue || error.code == .database {
            // An id that the store cannot hold: waiting would not help, and the bus has counted too.
            return start.failures + start.returns + 1
        } catch {
            try Task.checkCancellation()
            throw StoreAway(error)
        }
    }

    func isHandled(_ messageID: String) async throws -> Bool {
        do {
            return try await self.store.isHandled(messageID, by: self.consumer)
        } catch  where error.code == .invalidValue || error.code == .database {
            return false
        } catch {
            try Task.checkCancellation()
            throw StoreAway(error)
        }
    }

    /// Under what the starts of a message are counted: anew each time that it was given again as a dead letter.
    private static func key(of start: Start) -> String {
        start.redrives == 0 ? start.messageID : "\(start.messageID)#\(start.redrives)"
    }

    func process(_ messages: [Message], within limit: WorkLimit) async throws -> ProcessingResult {
        do {
            // What cannot be handled at all needs no transaction.
            let work = try messages.map { (message: $0, handler: try self.handlers.handler(for: $0)) }
            let away = try await limit.run { () -> RepositoryError? in
                do {
                    try await self.store.transaction { transaction in
                        let fresh = try await transaction.markHandled(work.map(\.message.id), by: self.consumer)
                        for (item, isFresh) in zip(work, fresh) where isFresh {
                            try await item.handler.run(item.message, transaction)
                        }
                    }
                    return nil
                } catch let error as RepositoryError where error.isTransient {
                    // Returned, since it also matters after the limit: the commit may have taken effect.
                    return error
                }
            }
            return away.map(ProcessingResult.away) ?? .done
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
