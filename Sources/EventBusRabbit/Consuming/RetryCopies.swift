// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore

/// Messages that are to be delivered again, until they can be copied to a queue; see ``RetryQueues``.
///
/// Confined to the event loop.
final class RetryCopies {
    struct Retry {
        let tag: UInt64
        let message: IncomingMessage
        let failures: Failures
    }

    private let subscription: Subscription
    private let eventLoop: any EventLoop
    /// How long a queue has to exist before it holds a message that is nowhere else.
    private let settling: TimeAmount
    private let logger: Logger
    /// Declares the queue of a delay.
    private let declare: (Duration) -> EventLoopFuture<RetryQueues.Answer>
    private let onTrouble: (RetryQueues.Trouble) -> Void

    private var queues: RetryQueues
    private var retries: [UInt64: Retry] = [:]
    /// What ``onTrouble`` was last told.
    private var trouble = RetryQueues.Trouble()
    private var look: (deadline: NIODeadline, timer: Scheduled<Void>)?
    private var isClosed = false
    /// Called when something may be sent that could not before.
    var onChange: (() -> Void)?

    /// - Parameters:
    ///   - logger: its metadata names the subscription.
    ///   - declare: its result is on `eventLoop`.
    ///   - onTrouble: told which queues cannot be used.
    init(
        _ subscription: Subscription,
        _ eventLoop: any EventLoop,
        settling: TimeAmount,
        _ logger: Logger,
        declare: @escaping (Duration) -> EventLoopFuture<RetryQueues.Answer>,
        onTrouble: @escaping (RetryQueues.Trouble) -> Void
    ) {
        self.subscription = subscription
        self.eventLoop = eventLoop
        self.settling = settling
        self.logger = logger
        self.declare = declare
        self.onTrouble = onTrouble
        self.queues = RetryQueues(delays: subscription.retryDelays, settling: settling)
    }

    var isEmpty: Bool { self.queues.isEmpty }

    /// For how long messages may wait although nothing is wrong.
    var longestWait: TimeAmount { self.queues.longestWait }

    /// Since when the message that waits longest should not wait any more.
    var oldest: NIODeadline? { self.queues.oldest }

    /// How many messages wait that should not by then.
    func count(until time: NIODeadline) -> Int { self.queues.count(until: time) }

    /// Why messages wait; `nil` if the broker has yet to answer.
    var reason: String? { self.queues.trouble.reasons.first }

    func add(_ retry: Retry, after delay: Duration) {
        self.retries[retry.tag] = retry
        self.queues.add(retry.tag, after: self.subscription.retryDelay(nearestTo: delay), now: self.eventLoop.now)
    }

    /// Takes out what can be sent now, and asks for the queues that the others need.
    func take() -> [(tag: UInt64, copy: OutgoingMessage)] {
        guard !self.isEmpty else { return [] }
        let (sends, declares) = self.queues.next(now: self.eventLoop.now)
        self.tellTrouble()
        for delay in declares { self.ask(for: delay) }
        self.schedule()
        return sends.compactMap { tag, delay in
            guard let retry = self.retries.removeValue(forKey: tag) else { return nil }
            let message = ReceivedMessage(retry.message)
            return (tag, MessageCopy.retry(message, of: self.subscription.name, after: delay, retry.failures))
        }
    }

    /// From now on no message waits for longer than an answer takes.
    ///
    /// Without a consumer nobody sees that it waits: `remove` and `renewQueues` could delete the queue with the only copy.
    func stop() {
        self.queues.stop()
    }

    /// The deliveries are gone.
    func close() {
        self.isClosed = true
        self.onChange = nil
        self.look?.timer.cancel()
        (self.queues, self.retries) = (RetryQueues(delays: [], settling: .zero), [:])
        self.tellTrouble()
    }

    private func ask(for delay: Duration) {
        self.declare(delay).assumeIsolated().whenComplete { result in
            guard !self.isClosed else { return }
            let answer: RetryQueues.Answer
            do { answer = try result.get() } catch { answer = .unusable(reason: "\(error)") }
            let reasons = self.queues.trouble.reasons
            if self.queues.answered(delay, answer, now: self.eventLoop.now) { self.settle(delay) }
            if case .unusable(let reason) = answer, self.queues.trouble.reasons != reasons { self.warn(reason) }
            self.tellTrouble()
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

    private func tellTrouble() {
        guard self.queues.trouble != self.trouble else { return }
        self.trouble = self.queues.trouble
        self.onTrouble(self.trouble)
    }

    private func warn(_ reason: String) {
        self.logger.warning(
            "A retry queue cannot be used; its messages take another delay, or come back after half a minute: \(reason)"
        )
    }

    /// Looks again when time alone has changed what can be done.
    private func schedule() {
        guard let deadline = self.queues.deadline, self.look.map({ deadline < $0.deadline }) ?? true else { return }
        self.look?.timer.cancel()
        let timer = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.look = nil
            self.onChange?()
        }
        self.look = (deadline, timer)
    }
}
