// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What an ``EventConsumer`` does with deliveries: the part that differs with and without a store.
package protocol DeliveryProcessor: Sendable {
    /// The topics that it has handlers for.
    var topics: [Topic] { get }

    /// The topics whose handlers were removed.
    var removedTopics: [Topic] { get }

    /// Why it has no handler for a message; `nil` if it has one.
    func misfit(of message: Message) -> Misfit?

    /// How many deliveries it takes at a time.
    var batch: Int { get }

    /// Whether attempts are counted durably, one by one, before they start.
    var countsAttempts: Bool { get }

    /// The number of an attempt that is about to start and is not the first.
    ///
    /// Asking again with the same `claim` returns the same number.
    ///
    /// - Throws: ``StoreTrouble``; `CancellationError`.
    func number(of attempt: Attempt, claim: Identifier) async throws -> Int

    /// Whether an event is known to have been handled.
    ///
    /// - Throws: ``StoreTrouble``; `CancellationError`.
    func isHandled(_ event: EventIdentity) async throws -> Bool

    /// Handles messages together, with one result for all of them. When a group fails, each message has to be handled by itself.
    ///
    /// - Throws: only `CancellationError`.
    func process(_ messages: [Message], within limit: WorkLimit) async throws -> ProcessingResult
}

/// An attempt to handle a message, with what the bus knows of earlier ones.
package struct Attempt: Sendable, Hashable {
    package let event: EventIdentity
    /// Attempts that ended in a failure.
    package let failures: Int
    /// How often the message came back without a verdict.
    package let returns: Int
    /// Attempts that ended without a verdict, as far as the returns prove it.
    package let lostStarts: Int
    /// How often the message was a dead letter and was redriven; attempts count from zero each time.
    package let redrives: Int

    package init(event: EventIdentity, failures: Int, returns: Int, redrives: Int, ordering: Ordering) {
        self.event = event
        self.failures = failures
        self.returns = returns
        // On an ordered subscription all that was prefetched returns together. On an unordered one a message is delivered alone once
        // it is suspect, and what comes back then was started.
        self.lostStarts = ordering == .perKey ? 0 : max(0, returns - Delivery.suspiciousReturns)
        self.redrives = redrives
    }

    /// Whether nothing suggests that the message was started before.
    package var isFirst: Bool { self.failures == 0 && self.returns == 0 }

    /// The number of the attempt as far as the bus can tell.
    package var numberOnBus: Int { self.failures + self.lostStarts + 1 }
}

/// What became of messages that were handled together.
package enum ProcessingResult: Sendable {
    case done
    case failed(any Error)
    case poison(reason: String)
    /// The store could not do its part: the same attempt can be made again.
    case troubled(StoreTrouble)

    package init(_ error: any Error) {
        self = (error as? PoisonMessage).map { .poison(reason: $0.reason) } ?? .failed(error)
    }
}

/// Runs plain handlers, one delivery at a time.
struct PlainProcessor: DeliveryProcessor {
    let handlers: HandlerTable<Void>

    var topics: [Topic] { self.handlers.topics }
    var removedTopics: [Topic] { self.handlers.removedTopics }
    func misfit(of message: Message) -> Misfit? { self.handlers.misfit(of: message) }
    var batch: Int { 1 }
    var countsAttempts: Bool { false }

    func number(of attempt: Attempt, claim: Identifier) async throws -> Int {
        attempt.numberOnBus
    }

    func isHandled(_ event: EventIdentity) async throws -> Bool { false }

    func process(_ messages: [Message], within limit: WorkLimit) async throws -> ProcessingResult {
        do {
            for message in messages {
                let handler = try self.handlers.handler(for: message)
                try await limit.run(about: [message]) { try await handler.run(message, ()) }
                // A handler that has swallowed its cancellation has not handled the message.
                try limit.check()
                try Task.checkCancellation()
            }
            return .done
        } catch {
            if !limit.hasPassed { try Task.checkCancellation() }
            return ProcessingResult(error)
        }
    }
}
