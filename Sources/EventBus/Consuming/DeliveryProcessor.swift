// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What an ``EventConsumer`` does with deliveries: the part that differs with and without a store.
package protocol DeliveryProcessor: Sendable {
    /// The topics that it has handlers for.
    var topics: [Topic] { get }

    /// A topic with two handlers, if there is one.
    var ambiguousTopic: Topic? { get }

    /// How many deliveries it takes at a time.
    var batch: Int { get }

    /// Whether starts are counted durably, one by one, before they happen.
    var countsStarts: Bool { get }

    /// The number of a start that is about to happen and is not the first.
    ///
    /// Asking again with the same `claim` counts nothing.
    ///
    /// - Throws: ``StoreAway``; `CancellationError`.
    func startNumber(of start: Start, claim: Identifier) async throws -> Int

    /// Whether a message is known to have been handled.
    ///
    /// - Throws: ``StoreAway``; `CancellationError`.
    func isHandled(_ messageID: String) async throws -> Bool

    /// Handles messages together, with one result for all of them; of several that failed each has to be handled by itself.
    ///
    /// Throws only `CancellationError`.
    func process(_ messages: [Message], within limit: WorkLimit) async throws -> ProcessingResult
}

/// A start of handling a delivery and what is known of earlier ones.
package struct Start: Sendable {
    package let messageID: String
    /// Starts that ended in a failure.
    package let failures: Int
    /// Starts that ended without a verdict, as far as the bus can tell.
    package let returns: Int
    /// How often the message was given to the subscription again as a dead letter: each time it starts anew.
    package let redrives: Int

    package var isFirst: Bool { self.failures == 0 && self.returns == 0 }
}

/// What became of messages that were handled together.
package enum ProcessingResult: Sendable {
    case done
    case failed(any Error)
    case poison(reason: String)
    /// The store could not be reached: the same start can be made again.
    case away(any Error)

    package init(_ error: any Error) {
        self = (error as? PoisonMessage).map { .poison(reason: $0.reason) } ?? .failed(error)
    }
}

/// The store cannot be reached, so that it is not known how many starts there have been.
package struct StoreAway: Error {
    package let cause: any Error

    package init(_ cause: any Error) {
        self.cause = cause
    }
}

/// Runs plain handlers, one delivery at a time.
struct PlainProcessor: DeliveryProcessor {
    let handlers: HandlerTable<Void>

    var topics: [Topic] { self.handlers.topics }
    var ambiguousTopic: Topic? { self.handlers.ambiguousTopic }
    var batch: Int { 1 }
    var countsStarts: Bool { false }

    func startNumber(of start: Start, claim: Identifier) async throws -> Int {
        start.failures + start.returns + 1
    }

    func isHandled(_ messageID: String) async throws -> Bool { false }

    func process(_ messages: [Message], within limit: WorkLimit) async throws -> ProcessingResult {
        do {
            for message in messages {
                let handler = try self.handlers.handler(for: message)
                try await limit.run { try await handler.run(message, ()) }
            }
            return .done
        } catch {
            if !limit.hasPassed { try Task.checkCancellation() }
            return ProcessingResult(error)
        }
    }
}
