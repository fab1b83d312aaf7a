// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import NIOCore

/// Writes the batches of a ``PublishQueue`` to one channel and passes the broker's answers on.
///
/// Confined to the event loop.
final class PublishSession: ChannelDelegate {
    /// How many messages, and how many bytes of them, may be sent without an answer.
    static let maximumOutstanding = 4096
    static let maximumOutstandingBytes = 16 * 1024 * 1024

    /// A batch that was taken from the queue and has outcomes that are not known yet.
    private final class Pending {
        let sink: PublishBatch.Sink
        var outcomes: [PublishOutcome]
        var remaining: Int
        /// The messages whose outcomes are reported at the end of this turn.
        var fresh: [Int] = []

        init(_ batch: PublishBatch) {
            self.sink = batch.sink
            self.outcomes = Array(repeating: .unknown, count: batch.messages.count)
            self.remaining = batch.messages.count
        }
    }

    private struct Waiting {
        let slot: Confirms<Pending>.Slot
        let message: Outgoing
        let deadline: NIODeadline
    }

    private let queue: PublishQueue
    private let channel: AMQPChannel
    private let handler: ConnectionHandler
    private let eventLoop: any EventLoop
    private let timeout: TimeAmount
    private var confirms = Confirms<Pending>()
    private var waiting: Deque<Waiting> = []
    private var pendingCount = 0
    /// The batches with something to report.
    private var touched: [Pending] = []
    private var isTimerSet = false
    private var idleWaiters: [EventLoopPromise<Void>] = []
    private var failure: ConnectionFailure?
    private var lastAnswer: NIODeadline

    init(
        _ queue: PublishQueue,
        _ channel: AMQPChannel,
        _ handler: ConnectionHandler,
        timeout: TimeAmount
    ) {
        self.queue = queue
        self.channel = channel
        self.handler = handler
        self.eventLoop = handler.eventLoop
        self.timeout = timeout
        self.lastAnswer = self.eventLoop.now
        channel.delegate = self
    }

    /// Succeeds when every outcome is known, or after the time limit.
    func untilIdle(within timeout: TimeAmount) -> EventLoopFuture<Void> {
        let promise = self.eventLoop.makePromise(of: Void.self)
        let deadline = self.eventLoop.scheduleTask(in: timeout) { promise.succeed() }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        self.idleWaiters.append(promise)
        self.report()
        return promise.futureResult
    }

    /// Takes the batches that wait in the queue.
    func drain() {
        let deadline = self.eventLoop.now + self.timeout
        for batch in self.queue.take() {
            guard self.failure == nil else {
                batch.resolve(.notSent(BusError(.unavailable, "RabbitMQ: connection was lost")))
                continue
            }
            let pending = Pending(batch)
            self.pendingCount += 1
            for (index, message) in batch.messages.enumerated() {
                self.waiting.append(
                    Waiting(slot: .init(batch: pending, index: index), message: message, deadline: deadline)
                )
            }
        }
        self.pump()
        self.report()
    }

    // MARK: ChannelDelegate

    func received(_ method: ServerMethod) {
        switch method {
        case .basicAck(let tag, let multiple): self.resolve(self.confirms.acknowledged(tag, multiple: multiple))
        case .basicNack(let tag, let multiple): self.resolve(self.confirms.refused(tag, multiple: multiple))
        default: return
        }
        self.lastAnswer = self.eventLoop.now
    }

    func received(_ message: IncomingMessage) {
        guard message.origin == .returned else { return }
        let id = message.text(at: message.places.messageID)
        self.confirms.returned(ReturnKey(messageID: id, exchange: message.exchange, routingKey: message.routingKey))
    }

    func readCompleted() {
        self.pump()
        self.report()
    }

    func writabilityChanged() {
        self.pump()
        self.report()
    }

    func blockedChanged(_ isBlocked: Bool) {
        self.confirms.extend(to: self.eventLoop.now + self.timeout)
        self.pump()
        self.report()
    }

    func closed(_ failure: ConnectionFailure) {
        self.failure = failure
        self.resolve(self.confirms.fail())
        let error = failure.busError(.unavailable)
        while let head = self.waiting.popFirst() { self.resolve(head.slot, .notSent(error)) }
        self.report()
        // If the broker closed only this channel, the connection could not publish any more.
        self.handler.fail(failure)
    }

    // MARK: Effects

    private var hasRoom: Bool {
        self.confirms.outstanding < PublishSession.maximumOutstanding
            && self.confirms.outstandingBytes < PublishSession.maximumOutstandingBytes
            && self.handler.isWritable && !self.handler.isBlocked && self.failure == nil
    }

    private func pump() {
        // Nothing is written before the end of the turn, so writability does not limit how much is appended in it.
        var turn = 0
        let deadline = self.eventLoop.now + self.timeout
        while self.hasRoom, turn < 1024 * 1024, let head = self.waiting.popFirst() {
            do throws(CodecError) {
                let size = try self.handler.write { buffer throws(CodecError) -> Int in
                    let start = buffer.writerIndex
                    try self.encode(head.message, into: &buffer)
                    return buffer.writerIndex - start
                }
                turn += size
                self.confirms.published(head.slot, returnKey: head.message.returnKey, size: size, deadline: deadline)
            } catch {
                self.resolve(head.slot, .refused(reason: "the message does not fit into AMQP: \(error)"))
            }
        }
        self.handler.flush()
        self.setTimer()
        if !self.waiting.isEmpty, self.hasRoom {
            self.eventLoop.assumeIsolated().execute {
                self.pump()
                self.report()
            }
        }
    }

    private func encode(_ message: Outgoing, into buffer: inout ByteBuffer) throws(CodecError) {
        let (channel, maximumFrame) = (self.channel.number, self.handler.frameMax)
        switch message {
        case .event(let message):
            try EventEncoder.publish(message, channel: channel, maximumFrame: maximumFrame, into: &buffer)
        case .copy(let message):
            try FrameEncoder.publish(message, channel: channel, maximumFrame: maximumFrame, into: &buffer)
        }
    }

    private func setTimer() {
        guard !self.isTimerSet, self.failure == nil else { return }
        let deadlines = [self.confirms.nextDeadline, self.waiting.first?.deadline].compactMap { $0 }
        guard let deadline = deadlines.min() else { return }
        self.isTimerSet = true
        _ = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.isTimerSet = false
            self.expire()
        }
    }

    private func expire() {
        let now = self.eventLoop.now
        while let head = self.waiting.first, head.deadline <= now {
            self.waiting.removeFirst()
            let reason = self.handler.isBlocked ? "the broker accepts no messages" : "the broker is too slow"
            self.resolve(head.slot, .notSent(BusError(.unavailable, "RabbitMQ: \(reason)")))
        }
        let expired = self.confirms.expire(now: now)
        self.resolve(expired)
        self.report()
        // RabbitMQ can lose confirms, so the connection is replaced. Not when the broker holds messages back on purpose, and not when
        // it answers for other messages: then one queue is at fault, and other topics must not suffer.
        if !expired.isEmpty, !self.handler.isBlocked, now - self.lastAnswer >= self.timeout {
            self.handler.fail(ConnectionFailure(.silent, "the broker did not confirm a message"))
        }
        self.setTimer()
    }

    private func resolve(_ resolutions: [Confirms<Pending>.Resolution]) {
        for resolution in resolutions {
            switch resolution.answer {
            case .confirmed: self.resolve(resolution.slot, .confirmed)
            case .unroutable: self.resolve(resolution.slot, .unroutable)
            case .refused: self.resolve(resolution.slot, .refused(reason: "the broker could not store the message"))
            case .unknown: self.resolve(resolution.slot, .unknown)
            }
        }
    }

    private func resolve(_ slot: Confirms<Pending>.Slot, _ outcome: PublishOutcome) {
        let pending = slot.batch
        pending.outcomes[slot.index] = outcome
        pending.remaining -= 1
        if pending.fresh.isEmpty { self.touched.append(pending) }
        pending.fresh.append(slot.index)
    }

    /// Passes outcomes on, once per turn.
    private func report() {
        guard !self.touched.isEmpty || !self.idleWaiters.isEmpty else { return }
        let touched = self.touched
        self.touched = []
        for pending in touched {
            let fresh = pending.fresh
            pending.fresh = []
            if pending.remaining == 0 { self.pendingCount -= 1 }
            switch pending.sink {
            case .all(let continuation):
                if pending.remaining == 0 { continuation.resume(returning: pending.outcomes) }
            case .each(let report):
                report(fresh.map { ($0, pending.outcomes[$0]) })
            }
        }
        guard self.pendingCount == 0 else { return }
        let idleWaiters = self.idleWaiters
        self.idleWaiters = []
        for promise in idleWaiters { promise.succeed() }
    }
}
