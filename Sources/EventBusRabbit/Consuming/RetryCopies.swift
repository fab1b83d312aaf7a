// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore

/// Messages that are to be copied to the retry queues of their subscription, until these can be used; see ``RetryQueues``.
///
/// Confined to the event loop.
final class RetryCopies {
    struct Retry {
        let tag: UInt64
        let message: IncomingMessage
        let failures: Failures
    }

    /// After which pause a queue that could not be used is asked for again.
    static let pause = TimeAmount.seconds(30)

    private let subscription: Subscription
    private let eventLoop: any EventLoop
    /// How long a queue has to exist before it holds a message that is nowhere else.
    private let settling: TimeAmount
    private let logger: Logger
    /// Declares the queue of a delay.
    private let declare: (Duration) -> EventLoopFuture<RetryQueues.Answer>
    private let onProblems: ([String]) -> Void

    private var queues: RetryQueues
    private var retries: [UInt64: Retry] = [:]
    private var isPausing = false
    private var isClosed = false
    /// Called when something can be sent that could not before, or nothing is asked any more.
    var onChange: (() -> Void)?

    /// - Parameters:
    ///   - logger: its metadata names the subscription.
    ///   - onProblems: told which queues cannot be used.
    init(
        _ subscription: Subscription,
        _ eventLoop: any EventLoop,
        settling: TimeAmount,
        _ logger: Logger,
        declare: @escaping (Duration) -> EventLoopFuture<RetryQueues.Answer>,
        onProblems: @escaping ([String]) -> Void
    ) {
        self.subscription = subscription
        self.eventLoop = eventLoop
        self.settling = settling
        self.logger = logger
        self.declare = declare
        self.onProblems = onProblems
        self.queues = RetryQueues(delays: subscription.retryDelays)
    }

    var isEmpty: Bool { self.queues.isEmpty }

    /// Whether the broker has yet to answer.
    var isAsking: Bool { self.queues.isAsking }

    /// For how long messages may wait although nothing is wrong.
    var longestWait: TimeAmount { self.isEmpty ? .zero : self.settling }

    func add(_ retry: Retry, after delay: Duration) {
        self.retries[retry.tag] = retry
        self.queues.add(retry.tag, after: self.subscription.retryDelay(nearestTo: delay))
    }

    /// Takes out what can be sent now, and asks for the queues that the others need.
    func take() -> [(tag: UInt64, copy: OutgoingMessage)] {
        let (sends, declares) = self.queues.next()
        for delay in declares { self.ask(for: delay) }
        return sends.compactMap { tag, delay in
            guard let retry = self.retries.removeValue(forKey: tag) else { return nil }
            let message = ReceivedMessage(retry.message)
            return (tag, MessageCopy.retry(message, of: self.subscription.name, after: delay, retry.failures))
        }
    }

    /// The deliveries are gone.
    func close() {
        self.isClosed = true
        self.onChange = nil
        (self.queues, self.retries) = (RetryQueues(delays: []), [:])
        self.onProblems([])
    }

    private func ask(for delay: Duration) {
        self.declare(delay).assumeIsolated().whenComplete { result in
            guard !self.isClosed else { return }
            let answer: RetryQueues.Answer
            do { answer = try result.get() } catch { answer = .unusable(reason: "\(error)") }
            self.queues.answered(delay, answer)
            switch answer {
            case .exists: break
            case .created: self.settle(delay)
            case .unusable(let reason): self.report(reason)
            }
            self.onChange?()
        }
    }

    private func settle(_ delay: Duration) {
        guard self.settling > .zero else { return self.queues.settled(delay) }
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: self.settling) {
            guard !self.isClosed else { return }
            self.queues.settled(delay)
            self.onChange?()
        }
    }

    private func report(_ reason: String) {
        self.onProblems(self.queues.problems)
        self.logger.warning("A retry queue cannot be used; its messages take the nearest delay, or wait: \(reason)")
        guard !self.isPausing else { return }
        self.isPausing = true
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) {
            guard !self.isClosed else { return }
            self.isPausing = false
            self.queues.forgetProblems()
            self.onProblems([])
            self.onChange?()
        }
    }
}

extension RabbitConnection {
    /// Declares a retry queue of a subscription.
    ///
    /// - Throws: ``ConnectionFailure`` when the connection is lost.
    func declareRetryQueue(of subscription: SubscriptionName, _ delay: Duration) async throws -> RetryQueues.Answer {
        do {
            let isThere = try await self.count(of: Topology.retry(subscription, delay)) != nil
            // Also if it is there: only this shows that its arguments are others.
            try await self.declare([.retryQueue(of: subscription, delay)])
            return isThere ? .exists : .created
        } catch let error as BusError {
            return .unusable(reason: error.message)
        } catch let failure as ConnectionFailure {
            guard case .channelClosed = failure.code else { throw failure }
            return .unusable(reason: "RabbitMQ: \(failure.text)")
        }
    }
}
