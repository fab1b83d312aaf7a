// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore

/// The consumer of one open subscription: carries out what its ``ConsumeState`` decides.
///
/// Confined to the event loop.
final class ConsumeSession: ChannelDelegate {
    /// How long an acknowledgement may wait for others.
    private static let longestDelay = TimeAmount.milliseconds(10)
    static let consumerTag = "events"

    private let subscription: SubscriptionName
    private let deliveries: RabbitDeliveries
    private let copies: CopySender
    private let channel: AMQPChannel
    private let handler: ConnectionHandler
    private let eventLoop: any EventLoop
    private let looks: QueueLooks
    private let status: BusStatus
    private let logger: Logger

    private var state: ConsumeState
    private var flushes: [EventLoopPromise<Void>] = []
    private var isWriteScheduled = false
    /// How many answers of the broker something waits for.
    private var awaited = 0
    private var failure: BusError?
    /// Whether copies were not confirmed in time after the stop.
    private var hasGivenUp = false

    init(
        _ subscription: Subscription,
        hasQuarantined: Bool,
        _ deliveries: RabbitDeliveries,
        _ copies: CopySender,
        _ channel: AMQPChannel,
        _ handler: ConnectionHandler,
        _ pace: QueueWatch.Pace,
        _ status: BusStatus,
        _ logger: Logger
    ) {
        self.subscription = subscription.name
        self.deliveries = deliveries
        self.copies = copies
        self.channel = channel
        self.handler = handler
        self.eventLoop = handler.eventLoop
        self.looks = QueueLooks(subscription, channel, handler, pace, status)
        self.status = status
        self.logger = logger
        self.state = ConsumeState(subscription, hasQuarantined: hasQuarantined)
        channel.delegate = self
        copies.onAnswer = self.copied
        copies.onMissingQueue = { self.end("a queue of \(self.subscription) is missing and will be declared again") }
        self.looks.situation = { self.situation }
        self.looks.onQuarantined = {
            self.state.quarantineHasMessages()
            self.step()
        }
        self.looks.onStandstill = self.standsStill
    }

    /// The broker has accepted the consumer.
    func started() {
        self.step()
        self.looks.start()
    }

    /// Carries out all verdicts so far, and gives back what is to be given back.
    ///
    /// Succeeds when acknowledgements are written and copies confirmed.
    func flush(within timeout: TimeAmount) -> EventLoopFuture<Void> {
        self.collect()
        self.writeAcknowledgements()
        if let failure = self.failure { return self.eventLoop.makeFailedFuture(failure) }
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.flushes.append(promise)
        // At a shutdown a broker in alarm, which confirms nothing, must not take all the time that the process has left.
        let isStopped = self.deliveries.isStopped
        let limit = isStopped ? min(timeout, .seconds(5)) : timeout + self.copies.longestWait
        let deadline = self.eventLoop.assumeIsolated().scheduleTask(in: limit) {
            self.hasGivenUp = isStopped
            promise.fail(BusError.unconfirmedCopies)
        }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        self.finishFlushes()
        return promise.futureResult
    }

    /// Carries out all verdicts at the end of the scope, and starts nothing new.
    func finish() -> EventLoopFuture<Void> {
        self.state.end()
        if self.failure == nil { self.status.note(nil, of: self.subscription) }
        return self.flush(within: self.hasGivenUp ? .zero : .seconds(5))
    }

    /// There are verdicts to collect, or the consumer has been stopped.
    func woken() {
        self.collect()
        self.acknowledgeSoon()
    }

    // MARK: ChannelDelegate

    func received(_ method: ServerMethod) {
        guard case .basicCancel = method else { return }
        self.end("the broker cancelled the consumer of \(self.subscription)")
    }

    func received(_ message: IncomingMessage) {
        guard self.failure == nil, message.origin == .delivered else { return }
        switch self.state.delivered(message) {
        case .waits, .stays: break
        case .moves:
            let copy = MessageCopy.quarantined(ReceivedMessage(message), of: self.subscription)
            self.copies.add(copy, for: message.tag)
            self.looks.moved()
        case .isUnexpected: self.failUnexpected(message)
        }
    }

    func readCompleted() {
        if self.failure == nil { self.woken() }
    }

    func closed(_ failure: ConnectionFailure) {
        let error = failure.busError(.connectionLost)
        self.failure = error
        self.state.fail()
        self.copies.close()
        self.looks.close()
        if let timeout = ConsumerTimeout(failure) {
            self.status.note(timeout, of: self.subscription)
            self.logger.warning("A handler ran for longer than RabbitMQ allows: \(timeout)")
        }
        self.deliveries.fail(error)
        for promise in self.takeFlushes() { promise.fail(error) }
    }

    // MARK: Effects

    private func collect() {
        for given in self.deliveries.take() { self.carryOut(given) }
        if self.deliveries.isStopped, self.state.stop() { self.endConsumer() }
        if self.state.isLeaving { self.copies.stop() }
        for message in self.state.takeGivenBack() {
            self.copies.add(MessageCopy.givenBack(ReceivedMessage(message), of: self.subscription), for: message.tag)
        }
        self.copies.send()
        self.step()
    }

    /// Stops reading while the bodies of unsettled deliveries take all bytes that they may.
    ///
    /// For an answer that something waits for it goes on, since deliveries may come before it.
    private func regulateReading() {
        self.handler.readGate.isOpen = self.state.mayRead || self.awaited > 0
    }

    /// Makes the broker stop delivering.
    ///
    /// This is sent before the acknowledgements that wait: the deliveries for which they make room would be on their way, and RabbitMQ
    /// counts a return for those that it can no longer pass on.
    private func endConsumer() {
        guard self.failure == nil else { return }
        self.call(.basicCancel(consumerTag: Self.consumerTag)) { _ in
            self.state.consumerEnded()
            self.collect()
            self.writeAcknowledgements()
            self.finishFlushes()
        }
    }

    private func call(_ method: ClientMethod, _ body: @escaping (Reply) -> Void) {
        self.awaited += 1
        self.handler.call(method, on: self.channel).assumeIsolated().whenSuccess { reply in
            self.awaited -= 1
            body(reply)
        }
    }

    private func carryOut(_ given: RabbitDeliveries.Given) {
        guard let verdict = given.verdict else { return self.state.giveBack(given.tag, returned: given.returned) }
        guard let message = self.state.settle(given.tag, needsCopy: !verdict.isDone, returned: given.returned)
        else { return }
        switch verdict {
        case .done: break
        case .retry(let delay, let failures):
            self.copies.add(.init(tag: given.tag, message: message, failures: failures), after: delay)
        case .deadLetter(let reason, let failures):
            let time = Stamp.next().time
            let (dead, name) = (ReceivedMessage(message), self.subscription)
            self.copies.add(MessageCopy.dead(dead, of: name, reason: reason, failures, at: time), for: given.tag)
        }
    }

    private func copied(_ tags: [UInt64]) {
        for tag in tags { self.state.copied(tag) }
        self.writeAcknowledgements()
        self.finishFlushes()
        self.step()
    }

    private func step() {
        defer { self.regulateReading() }
        guard self.failure == nil else { return }
        switch self.state.next(isAwaited: self.deliveries.isAwaited()) {
        case .none: break
        case .handOut(let messages):
            self.deliveries.offer(messages)
        case .fetch:
            self.writeAcknowledgements()
            self.call(.basicGet(queue: Topology.quarantine(self.subscription))) { reply in
                if case .message(let message) = reply { self.fetched(message) } else { self.fetched(nil) }
            }
        }
    }

    private func fetched(_ message: IncomingMessage?) {
        guard self.failure == nil else { return }
        let isExpected = self.state.fetched(message)
        guard let message else { return self.step() }
        guard isExpected else { return self.failUnexpected(message) }
        self.deliveries.offer([message])
        // After a stop it is given back at once.
        if self.deliveries.isStopped { self.collect() }
    }

    /// Ends the session; whoever opens the subscription again declares its queues again, and those for retries when it needs them.
    private func end(_ reason: String, _ code: ConnectionFailure.Code = .cancelled) {
        self.writeAcknowledgements()
        self.handler.fail(ConnectionFailure(code, reason))
    }

    /// Opening the subscription again is worth a try, ever more rarely: RabbitMQ can forget a consumer.
    private func standsStill(_ standstill: QueueWatch.Standstill?) {
        let times = self.status.note(standstill, of: self.subscription)
        guard let standstill, times & (times - 1) == 0 else { return }
        self.logger.warning("RabbitMQ does not deliver; the subscription will be opened again: \(standstill)")
        self.end("\(standstill)", self.state.lastTag > 0 ? .standstill : .cancelled)
    }

    private var situation: QueueWatch.Situation? {
        guard self.failure == nil, !self.state.isStopped else { return nil }
        return QueueWatch.Situation(
            arrived: self.state.lastTag,
            isReceiving: self.channel.assembler.isAssembling,
            hasRoom: self.state.hasRoom,
            looksAtQuarantine: self.state.watchesQuarantine && self.state.isOpen
        )
    }

    private func failUnexpected(_ message: IncomingMessage) {
        self.handler.fail(ConnectionFailure(.malformed, "unexpected delivery tag \(message.tag)"))
    }

    /// Writes acknowledgements when there are enough of them, or after ``longestDelay``.
    private func acknowledgeSoon() {
        switch self.state.acknowledging {
        case .none: break
        case .now:
            self.writeAcknowledgements()
        case .later(let verdicts):
            guard !self.isWriteScheduled else { return }
            self.isWriteScheduled = true
            self.deliveries.wake(atVerdicts: verdicts)
            _ = self.eventLoop.assumeIsolated().scheduleTask(in: Self.longestDelay) {
                self.isWriteScheduled = false
                self.deliveries.wake(atVerdicts: 1)
                self.collect()
                self.writeAcknowledgements()
            }
        }
    }

    private func writeAcknowledgements() {
        guard self.failure == nil else { return }
        for ack in self.state.acknowledge() {
            self.handler.send(.basicAck(tag: ack.tag, multiple: ack.multiple), on: self.channel.number)
        }
        self.handler.flush()
    }

    private func finishFlushes() {
        guard self.copies.isIdle, !self.state.isGivingBack else { return }
        self.hasGivenUp = false
        for promise in self.takeFlushes() { promise.succeed() }
    }

    private func takeFlushes() -> [EventLoopPromise<Void>] {
        defer { self.flushes = [] }
        return self.flushes
    }
}
