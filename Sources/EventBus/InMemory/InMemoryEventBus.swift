// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// A bus within the process, for tests and for programs that need no broker.
///
/// It is not a mock: routing, redelivery, delayed retries, dead letters, prefetch and order are those of the RabbitMQ adapter,
/// and the same conformance suite holds for both. What it cannot do is outlive the process.
public final class InMemoryEventBus: EventBus {
    private struct State: Sendable {
        var queues: [SubscriptionName: InMemoryQueue] = [:]
        var router = TopicRouter<SubscriptionName>()
        var lastConsumer: UInt64 = 0
    }

    private let state = Mutex(State())
    private let timeline: Timeline

    /// Makes an empty bus.
    ///
    /// - Parameter clock: decides when delayed retries are due.
    public init(clock: some Clock<Duration> = ContinuousClock()) {
        self.timeline = Timeline(clock)
    }

    /// Routes messages to the subscriptions that match them; see ``EventBus/publish(_:)``.
    public func publish(_ messages: [Message]) async -> [PublishOutcome] {
        var batches: [SubscriptionName: [Message]] = [:]
        var order: [(InMemoryQueue, SubscriptionName)] = []
        var outcomes: [PublishOutcome] = []
        outcomes.reserveCapacity(messages.count)
        self.state.withLock { state in
            for message in messages {
                do throws(BusError) {
                    try message.validate()
                } catch {
                    outcomes.append(.notSent(error))
                    continue
                }
                let targets = state.router.targets(of: message.topic)
                for target in targets {
                    if batches[target] == nil, let queue = state.queues[target] { order.append((queue, target)) }
                    batches[target, default: []].append(message)
                }
                outcomes.append(targets.isEmpty && message.requiresSubscriber ? .unroutable : .confirmed)
            }
        }
        for (queue, name) in order { queue.publish(batches[name] ?? []) }
        return outcomes
    }

    /// Opens a subscription; see ``EventBus/withDeliveries(to:_:)``.
    public func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        try Task.checkCancellation()
        let (queue, consumer) = try self.declare(subscription)
        let deliveries = queue.attach(consumer, prefetch: subscription.prefetch)
        defer { deliveries.detach() }
        try await body(deliveries)
    }

    /// The messages that a subscription has given up on, oldest first.
    public func deadLetters(of subscription: SubscriptionName) -> [DeadLetter] {
        self.state.withLock { $0.queues[subscription] }?.deadLetters ?? []
    }

    private func declare(_ subscription: Subscription) throws(BusError) -> (InMemoryQueue, UInt64) {
        try self.state.withLock { state throws(BusError) in
            let known = state.queues[subscription.name]
            if let known, known.ordering != subscription.ordering {
                throw BusError(
                    .topologyMismatch,
                    "subscription \(subscription.name) exists with ordering \(known.ordering), not \(subscription.ordering)"
                )
            }
            let queue = known ?? InMemoryQueue(ordering: subscription.ordering, timeline: self.timeline)
            state.queues[subscription.name] = queue
            for pattern in subscription.patterns { state.router.bind(subscription.name, to: pattern) }
            state.lastConsumer += 1
            return (queue, state.lastConsumer)
        }
    }
}
