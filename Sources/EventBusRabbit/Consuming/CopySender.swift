// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore

/// Sends the copies of one subscription on the publishing connection, so that an alarm of the broker cannot stop acknowledgements.
///
/// Confined to the event loop.
final class CopySender {
    /// For how long copies may be unconfirmed before that is a problem.
    static let patience = TimeAmount.seconds(10)

    private var copies = PendingCopies()
    private let retries: RetryCopies
    private let queue: PublishQueue
    private let eventLoop: any EventLoop
    private let logger: Logger
    /// Told how long copies have not been confirmed, and with `nil` when that is over.
    private let onDelay: (CopyDelay?) -> Void
    private var isDelayed = false
    private var isWatching = false
    /// The batches that are not answered completely: their numbers in the queue, and how many answers each lacks.
    private var batches: [UInt64: (id: UInt64, open: Int)] = [:]
    private var lastBatch: UInt64 = 0
    /// Called after every answer, with the deliveries whose copies are confirmed.
    var onAnswer: (([UInt64]) -> Void)?
    /// Called when a copy has reached no queue.
    var onMissingQueue: (() -> Void)?

    /// - Parameter logger: its metadata names the subscription.
    init(
        _ queue: PublishQueue,
        _ eventLoop: any EventLoop,
        _ logger: Logger,
        _ retries: RetryCopies,
        onDelay: @escaping (CopyDelay?) -> Void
    ) {
        self.queue = queue
        self.eventLoop = eventLoop
        self.logger = logger
        self.retries = retries
        self.onDelay = onDelay
        retries.onChange = {
            self.send()
            self.onAnswer?([])
        }
    }

    /// Whether every copy has been confirmed.
    var isIdle: Bool { self.copies.isEmpty && self.retries.isEmpty }

    /// For how long copies may wait before they are sent although nothing is wrong.
    var longestWait: TimeAmount { self.retries.longestWait }

    /// Adds a copy, which the next ``send()`` sends.
    func add(_ copy: OutgoingMessage, for tag: UInt64) {
        self.copies.add(copy, for: tag, now: self.eventLoop.now)
        self.watch()
    }

    /// Adds a message that is to be delivered again; it is copied once its queue can be used.
    func add(_ retry: RetryCopies.Retry, after delay: Duration) {
        self.retries.add(retry, after: delay)
        self.watch()
    }

    /// The subscription is stopped, and what is copied to its own queue is for others: no message waits for long any more.
    func stop() {
        self.retries.stop()
    }

    func send() {
        for (tag, copy) in self.retries.take() { self.add(copy, for: tag) }
        let unsent = self.copies.takeUnsent()
        guard !unsent.isEmpty else { return }
        self.lastBatch += 1
        let (tags, number, eventLoop) = (unsent.map(\.tag), self.lastBatch, self.eventLoop)
        let sender = NIOLoopBound(self, eventLoop: eventLoop)
        let batch = PublishBatch(
            messages: unsent.map { .copy($0.copy) },
            sink: .each { outcomes in
                eventLoop.execute { sender.value.answered(outcomes.map { (tags[$0.index], $0.outcome) }, number) }
            }
        )
        // An answer can come only in a later turn of the loop. Without a connection the batch waits in the queue for the next one.
        self.batches[number] = (self.queue.submit(batch), unsent.count)
    }

    /// The deliveries are gone: sends nothing more and reports nothing.
    ///
    /// The messages come back, so a copy that still waits for a connection must not be sent.
    func close() {
        self.copies.removeAll()
        self.retries.close()
        self.onAnswer = nil
        self.onMissingQueue = nil
        for batch in self.batches.values {
            self.queue.cancel(batch.id, BusError(.connectionLost, "RabbitMQ: the subscription was interrupted"))
        }
        self.report()
    }

    private func answered(_ outcomes: [(tag: UInt64, outcome: PublishOutcome)], _ number: UInt64) {
        self.batches[number]?.open -= outcomes.count
        if self.batches[number]?.open == 0 { self.batches[number] = nil }
        guard let onAnswer = self.onAnswer else { return }
        let answer = self.copies.answered(outcomes)
        if let problem = answer.problem, let pause = answer.pause { self.sendAgain(after: pause, problem) }
        if self.isDelayed, !answer.confirmed.isEmpty { self.report() }
        onAnswer(answer.confirmed)
        if answer.isQueueMissing { self.onMissingQueue?() }
    }

    private func sendAgain(after longest: Duration, _ problem: PublishOutcome) {
        let pause = longest * Double.random(in: 0.5...1)
        self.logger.info(
            "Copies of messages for queues of their subscription were not confirmed and will be sent again",
            metadata: [LogKey.outcome: "\(problem)", LogKey.pause: "\(pause)"]
        )
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(pause)) {
            self.copies.endPause()
            self.send()
        }
    }

    // MARK: Health

    /// Since when the oldest copy has not been confirmed, or its message waits for longer than it should.
    private var oldest: NIODeadline? { [self.copies.oldest, self.retries.oldest].compactMap { $0 }.min() }

    /// Looks at the copies when the oldest one has not been confirmed for ``patience``.
    private func watch() {
        guard !self.isWatching, let oldest = self.oldest else { return }
        self.isWatching = true
        let start = self.isDelayed ? self.eventLoop.now : oldest
        _ = self.eventLoop.assumeIsolated().scheduleTask(deadline: start + Self.patience) {
            self.isWatching = false
            self.report()
            self.watch()
        }
    }

    private func report() {
        let now = self.eventLoop.now
        let limit = now - Self.patience
        let waiting = self.retries.count(until: limit)
        let count = self.copies.count(until: limit) + waiting
        if count > 0, let oldest = self.oldest {
            self.isDelayed = true
            let reason = waiting > 0 ? self.retries.reason.map(PublishOutcome.refused) : nil
            self.onDelay(CopyDelay(count: count, time: now - oldest, cause: reason ?? self.copies.lastProblem))
        } else if self.isDelayed {
            self.isDelayed = false
            self.onDelay(nil)
        }
    }
}

/// Copies that have not been confirmed for too long.
struct CopyDelay: Sendable, CustomStringConvertible {
    let count: Int
    /// How long the oldest one has not been confirmed.
    let time: TimeAmount
    /// The last answer; `nil` if there was none.
    let cause: PublishOutcome?

    var description: String {
        let cause =
            switch self.cause {
            case .none, .unknown, .confirmed: "the broker does not answer"
            case .unroutable: "a queue of the subscription is missing"
            case .refused(let reason): reason
            case .notSent(let error): error.message
            }
        return
            "\(self.count) messages have not been moved to its own queues for \(self.time.nanoseconds / 1_000_000_000) s: \(cause)"
    }
}

extension BusError {
    static let unconfirmedCopies = BusError(
        .unavailable,
        "RabbitMQ: retries or dead letters could not be confirmed in time"
    )
}
