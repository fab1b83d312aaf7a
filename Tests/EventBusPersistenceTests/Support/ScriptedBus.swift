// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// A bus with scripted outcomes that records what is published.
final class ScriptedBus: PartialBus {
    private struct State: Sendable {
        var batches: [[Message]] = []
        var answer: @Sendable (Message) -> PublishOutcome = { _ in .confirmed }
        var gate: Notifier?
    }

    private let state = Mutex(State())

    /// The labels of all batches so far.
    var batches: [[String]] { self.state.withLock { $0.batches.map { $0.map(\.label) } } }

    /// The ids of all messages so far.
    var ids: [String] { self.state.withLock { $0.batches.flatMap { $0.map(\.id) } } }

    func answer(_ answer: @escaping @Sendable (Message) -> PublishOutcome) {
        self.state.withLock { $0.answer = answer }
    }

    /// Holds all outcomes back until the returned gate is raised.
    func close() -> Notifier {
        let gate = Notifier()
        self.state.withLock { $0.gate = gate }
        return gate
    }

    func publish(_ messages: [Message]) async -> [PublishOutcome] {
        let gate = self.state.withLock { state in
            state.batches.append(messages)
            return state.gate
        }
        if let gate {
            do { _ = try await gate.wait(above: 0) } catch { return messages.map { _ in .unknown } }
        }
        let answer = self.state.withLock { $0.answer }
        return messages.map(answer)
    }

    func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        throw BusError(.unavailable, "this bus only takes")
    }
}

/// The part of a bus that a test needs.
protocol PartialBus: EventBus {}

extension PartialBus {
    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        throw BusError(.unavailable, "this bus has no dead letters")
    }

    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        throw BusError(.unavailable, "this bus has no dead letters")
    }

    func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        throw BusError(.unavailable, "this bus has no dead letters")
    }

    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws {
        throw BusError(.unavailable, "this bus has no subscriptions")
    }

    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int {
        throw BusError(.unavailable, "this bus has no subscriptions")
    }

    func remove(_ subscription: SubscriptionName) async throws {
        throw BusError(.unavailable, "this bus has no subscriptions")
    }
}
