// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import NIOCore

/// Writes the batches of a ``PublishQueue`` to a channel of one connection, and passes the broker's answers on.
///
/// Confined to the event loop.
final class PublishSession: PublishChannelOwner {
    /// How many messages, and how many bytes of them, may be sent without an answer.
    static let maximumOutstanding = 4096
    static let maximumOutstandingBytes = 16 * 1024 * 1024

    struct Waiting {
        let slot: OutcomeLedger.Slot
        var deadline: NIODeadline

        var message: Outgoing { self.slot.message }
    }

    let lane: PublishLane
    let handler: ConnectionHandler
    let eventLoop: any EventLoop
    let timeout: TimeAmount
    /// Whether another host could be tried instead.
    let hasOtherHosts: Bool
    /// Declares the events exchange again.
    let declare: () -> EventLoopFuture<Void>
    /// Where messages are written; `nil` until a new channel is open.
    var current: PublishChannel?
    /// How many channels have been opened.
    var openings = 0
    /// Channels that only wait for the answers to what was written.
    var retired: [PublishChannel] = []
    var recovery = ChannelRecovery()
    private(set) var ledger = OutcomeLedger()
    private(set) var failure: ConnectionFailure?
    var waiting: Deque<Waiting> = []
    /// Whether the last message that was written has to stay alone until it is answered.
    private var isAloneOut = false
    private var timer: (deadline: NIODeadline, task: Scheduled<Void>)?

    init(
        _ lane: PublishLane,
        _ handler: ConnectionHandler,
        timeout: TimeAmount,
        hasOtherHosts: Bool = false,
        declare: @escaping () -> EventLoopFuture<Void>
    ) {
        self.lane = lane
        self.handler = handler
        self.eventLoop = handler.eventLoop
        self.timeout = timeout
        self.hasOtherHosts = hasOtherHosts
        self.declare = declare
    }

    var now: NIODeadline { self.eventLoop.now }

    var channels: [PublishChannel] { self.retired + [self.current].compactMap(\.self) }

    /// Succeeds when every outcome is known, or after the time limit.
    func untilIdle(within timeout: TimeAmount) -> EventLoopFuture<Void> {
        let promise = self.eventLoop.makePromise(of: Void.self)
        let deadline = self.eventLoop.scheduleTask(in: timeout) { promise.succeed() }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        self.ledger.awaitIdle(promise)
        self.report()
        return promise.futureResult
    }

    /// Takes the batches that wait in the queue.
    func drain() {
        let deadline = self.now + self.timeout
        for batch in self.lane.queue.take() {
            guard self.failure == nil else {
                batch.resolve(.notSent(BusError(.unavailable, "RabbitMQ: connection was lost")))
                continue
            }
            let pending = self.ledger.take(batch)
            for index in batch.messages.indices {
                self.waiting.append(Waiting(slot: .init(batch: pending, index: index), deadline: deadline))
            }
        }
        self.lane.activity.change { $0.tried(open: self.ledger.openCount, now: self.now) }
        self.turn()
    }

    /// Sends what can be sent, and passes on what is known.
    func turn() {
        self.pump()
        self.closeRetired()
        self.setTimer()
        self.report()
    }

    /// The connection is gone; what is open gets its outcome.
    func end(_ failure: ConnectionFailure) {
        guard self.failure == nil else { return }
        self.failure = failure
        for channel in self.channels { self.resolve(channel.confirms.fail()) }
        (self.retired, self.current) = ([], nil)
        self.failWaiting(failure.busError(.unavailable))
        self.timer?.task.cancel()
        self.report()
    }

    // MARK: For the channels

    func answered(_ resolutions: [Confirms<PendingBatch>.Resolution], on channel: PublishChannel) {
        let now = self.now
        var advice = ConfirmWatch.Advice.none
        var (hasConfirmed, hasStored) = (false, false)
        for resolution in resolutions {
            switch resolution.answer {
            case .confirmed, .unroutable:
                hasConfirmed = true
                if !hasStored, resolution.answer == .confirmed { hasStored = resolution.slot.message.needsQueue }
                guard self.recovery.isCautious || self.lane.watch.needsKeys else { continue }
                let key = resolution.slot.message.routingKey
                self.recovery.answered(key, isConfirmed: true)
                self.lane.watch.confirmed(key)
            case .refused:
                let key = resolution.slot.message.routingKey
                self.recovery.answered(key, isConfirmed: false)
                guard channel === self.current else { continue }
                let next = self.lane.watch.refused(
                    key,
                    hasOtherHosts: self.hasOtherHosts,
                    lastStored: self.handler.lastStored,
                    now: now
                )
                if next != .none { advice = next }
            case .unknown: break
            }
        }
        self.resolve(resolutions)
        if hasStored { (channel.lastStored, self.handler.lastStored) = (now, now) }
        if hasConfirmed { self.recovery.confirmed() }
        if hasStored || hasConfirmed && !self.isHeldUp {
            self.lane.watch.confirmed(now: now)
            self.lane.activity.change { $0.confirmed(open: self.ledger.openCount, now: now) }
        }
        guard advice != .none else { return }
        // Where there are other nodes, one may be lost to which this channel still sends, and each of its messages would be refused only
        // after an attempt to reach it.
        if self.hasOtherHosts { self.resolve(channel.confirms.fail()) }
        self.follow(advice, because: "the broker refused all messages for a topic or a queue")
    }

    func blockedChanged() {
        for channel in self.channels { channel.confirms.extend(to: self.deadline(on: channel)) }
        if self.lane.waitsWhileBlocked {
            for index in self.waiting.indices { self.waiting[index].deadline = self.now + self.timeout }
        }
        self.turn()
    }

    // MARK: Effects

    private func hasRoom(on channel: PublishChannel) -> Bool {
        channel.confirms.outstanding < PublishSession.maximumOutstanding
            && channel.confirms.outstandingBytes < PublishSession.maximumOutstandingBytes
            && self.handler.isWritable && !self.handler.isBlocked && self.failure == nil
    }

    private func pump() {
        guard let channel = self.current, !self.waiting.isEmpty else { return }
        // Nothing is written before the end of the turn, so writability does not limit how much is appended in it.
        var turn = 0
        let deadline = self.deadline(on: channel)
        let (number, maximumFrame) = (channel.channel.number, self.handler.frameMax)
        while self.hasRoom(on: channel), turn < 1024 * 1024, !self.waiting.isEmpty, !self.mustWait(on: channel),
            let head = self.waiting.popFirst()
        {
            let message = head.message
            guard message.bodySize <= self.handler.maximumBody else {
                self.dismiss(head.slot, .tooLarge(message.bodySize, limit: self.handler.maximumBody))
                continue
            }
            do throws(CodecError) {
                let size = try self.handler.write { buffer throws(CodecError) -> Int in
                    let start = buffer.writerIndex
                    try message.encode(channel: number, maximumFrame: maximumFrame, into: &buffer)
                    return buffer.writerIndex - start
                }
                turn += size
                channel.confirms.published(head.slot, size: size, end: self.handler.position, deadline: deadline)
            } catch {
                self.dismiss(head.slot, .refused(reason: "the message does not fit into AMQP: \(error)"))
            }
        }
        self.handler.flush()
        if turn >= 1024 * 1024, !self.waiting.isEmpty, self.hasRoom(on: channel) {
            self.eventLoop.assumeIsolated().execute { self.turn() }
        }
    }

    /// Whether the next message has to wait until the channel has nothing else, or until what must be alone there is answered.
    private func mustWait(on channel: PublishChannel) -> Bool {
        guard self.recovery.isCautious, let next = self.waiting.first?.message else { return false }
        let isAlone = self.recovery.isAlone(next.routingKey)
        if isAlone || self.isAloneOut, channel.confirms.hasOpen { return true }
        self.isAloneOut = isAlone
        return false
    }

    /// Looks when the next time limit is over, or earlier.
    private func setTimer() {
        guard self.failure == nil else { return }
        var next = self.waiting.first?.deadline ?? .distantFuture
        if let silence = self.silenceDeadline { next = min(next, silence) }
        for channel in self.retired { next = min(next, self.nextDeadline(on: channel)) }
        if let channel = self.current { next = min(next, self.nextDeadline(on: channel)) }
        // It is nearly always later than the one before.
        guard next < self.timer?.deadline ?? .distantFuture else { return }
        self.timer?.task.cancel()
        let task = self.eventLoop.assumeIsolated().scheduleTask(deadline: next) {
            self.timer = nil
            self.expire()
        }
        self.timer = (next, task)
    }

    private func nextDeadline(on channel: PublishChannel) -> NIODeadline {
        channel.confirms.nextDeadline(self.sending(on: channel)) ?? .distantFuture
    }

    func resolve(_ resolutions: [Confirms<PendingBatch>.Resolution]) {
        for resolution in resolutions {
            switch resolution.answer {
            case .confirmed: self.resolve(resolution.slot, .confirmed)
            case .unroutable: self.resolve(resolution.slot, .unroutable)
            case .refused: self.resolve(resolution.slot, .refused(reason: "the broker could not store the message"))
            case .unknown: self.resolve(resolution.slot, .unknown)
            }
        }
    }

    func resolve(_ slot: OutcomeLedger.Slot, _ outcome: PublishOutcome) {
        self.ledger.resolve(slot, outcome)
        guard !outcome.isConfirmed else { return }
        self.lane.activity.change { $0.failed(outcome, open: self.ledger.openCount, now: self.now) }
    }

    /// A message is refused without asking the broker.
    private func dismiss(_ slot: OutcomeLedger.Slot, _ outcome: PublishOutcome) {
        self.ledger.resolve(slot, outcome)
        self.lane.activity.change { $0.dismissed(open: self.ledger.openCount) }
    }

    /// Passes on what is known.
    func report() {
        // Before the outcomes, so that whoever gets one finds it in the health.
        self.lane.reportRefusals()
        self.ledger.report()
    }
}
