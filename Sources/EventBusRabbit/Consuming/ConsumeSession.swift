// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import Logging
import NIOCore

/// The consumer of one open subscription: takes what the broker delivers, carries out verdicts.
///
/// Confined to the event loop.
final class ConsumeSession: ChannelDelegate {
    /// A copy that has to be confirmed before its original is acknowledged.
    struct Copy {
        let message: OutgoingMessage
        /// To the quarantine queue, without a verdict.
        let isMove: Bool
    }

    /// How long an acknowledgement may wait for others.
    private static let longestDelay = TimeAmount.milliseconds(10)

    let subscription: Subscription
    private let deliveries: RabbitDeliveries
    let copyQueue: PublishQueue
    private let channel: AMQPChannel
    private let handler: ConnectionHandler
    let eventLoop: any EventLoop
    private let configuration: RabbitConfiguration
    let logger: Logger

    private var held: TagTable<IncomingMessage>
    private var acknowledgements = Acknowledgements()
    var gate: QuarantineGate
    var copies: [UInt64: Copy] = [:]
    var unsentCopies: [UInt64] = []
    var failedCopies: [UInt64] = []
    var backoff = Backoff(first: .milliseconds(500), longest: .seconds(30))
    private var flushes: [EventLoopPromise<Void>] = []
    private var isWriteScheduled = false
    private var isEnding = false
    var failure: BusError?

    init(
        _ subscription: Subscription,
        _ deliveries: RabbitDeliveries,
        copies: PublishQueue,
        _ channel: AMQPChannel,
        _ handler: ConnectionHandler,
        _ eventLoop: any EventLoop,
        _ configuration: RabbitConfiguration,
        _ logger: Logger
    ) {
        self.subscription = subscription
        self.deliveries = deliveries
        self.copyQueue = copies
        self.channel = channel
        self.handler = handler
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.logger = logger
        self.held = TagTable(capacity: subscription.prefetch)
        self.gate = QuarantineGate(prefetch: subscription.prefetch)
        channel.delegate = self
        // What an earlier instance has left to run alone comes first.
        if self.hasQuarantine { self.gate.quarantineHasMessages() }
    }

    private var hasQuarantine: Bool { self.subscription.ordering == .none }

    /// How many acknowledgements are worth a write of their own: fewer when deliveries that stay long leave little of `prefetch`.
    private var patience: Int { max(1, min(200, (self.subscription.prefetch - self.held.count) / 4)) }

    /// The broker has accepted the consumer.
    func started() {
        self.step()
        self.scheduleQuarantineCheck()
    }

    /// Carries out all verdicts so far.
    ///
    /// Succeeds when acknowledgements are written and copies confirmed.
    func flush(within timeout: TimeAmount) -> EventLoopFuture<Void> {
        self.collect()
        self.writeAcknowledgements()
        if let failure = self.failure { return self.eventLoop.makeFailedFuture(failure) }
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.flushes.append(promise)
        let error = BusError(
            .unavailable,
            "RabbitMQ: copies for retry or dead-letter queues could not be confirmed in time"
        )
        let deadline = self.eventLoop.scheduleTask(in: timeout) {
            promise.fail(error)
        }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        self.finishFlushes()
        return promise.futureResult
    }

    /// The scope ends: carries out what is settled and begins nothing new.
    func finish() -> EventLoopFuture<Void> {
        self.isEnding = true
        self.gate.stop()
        return self.flush(within: .seconds(5))
    }

    /// Verdicts wait, or the consumer has been stopped.
    func woken() {
        self.collect()
        self.acknowledgeSoon()
    }

    // MARK: ChannelDelegate

    func received(_ method: ServerMethod) {
        guard case .basicCancel = method else { return }
        self.writeAcknowledgements()
        self.handler.fail(
            ConnectionFailure(.cancelled, "the broker cancelled the consumer of \(self.subscription.name)")
        )
    }

    func received(_ message: IncomingMessage) {
        guard message.origin == .delivered, self.hold(message) else { return }
        if self.hasQuarantine, message.returnsHere > 0 {
            // At the scope's end it goes back with all the others.
            guard !self.isEnding else { return }
            // It may have killed a process: it has to run alone.
            self.gate.moveBegan()
            self.copy(MessageCopy.quarantined(message, of: self.subscription.name), for: message.tag, isMove: true)
        } else {
            self.gate.arrived(message.tag)
        }
    }

    func readCompleted() {
        guard self.failure == nil else { return }
        self.collect()
        self.acknowledgeSoon()
    }

    func writabilityChanged() {}

    func blockedChanged(_ isBlocked: Bool) {}

    func closed(_ failure: ConnectionFailure) {
        let error = failure.busError(.connectionLost)
        self.failure = error
        self.held.removeAll()
        self.copies = [:]
        self.deliveries.fail(error)
        let flushes = self.flushes
        self.flushes = []
        for promise in flushes { promise.fail(error) }
    }

    // MARK: Steps

    /// Notes a message as delivered; tags rise by one.
    private func hold(_ message: IncomingMessage) -> Bool {
        guard self.failure == nil else { return false }
        guard self.acknowledgements.delivered(message.tag) else {
            self.handler.fail(ConnectionFailure(.malformed, "unexpected delivery tag \(message.tag)"))
            return false
        }
        self.held.insert(message, for: message.tag)
        return true
    }

    private func collect() {
        for (tag, verdict) in self.deliveries.take() { self.carryOut(verdict, on: tag) }
        if self.deliveries.isStopped { self.gate.stop() }
        self.sendCopies()
        self.step()
    }

    private func carryOut(_ verdict: Verdict, on tag: UInt64) {
        guard let message = self.held[tag], self.gate.settled(tag) else { return }
        let name = self.subscription.name
        switch verdict {
        case .done:
            self.forget(tag)
        case .retry(let delay, let failures):
            self.copy(MessageCopy.retry(message, of: name, after: delay, failures), for: tag)
        case .deadLetter(let reason, let failures):
            let copy = MessageCopy.dead(message, of: name, reason: reason, failures, at: Stamp.next().time)
            self.copy(copy, for: tag)
        }
    }

    func forget(_ tag: UInt64) {
        self.held.remove(tag)
        self.acknowledgements.settle(tag)
    }

    func step() {
        guard self.failure == nil else { return }
        switch self.gate.next(isAwaited: self.deliveries.isAwaited()) {
        case .none: break
        case .handOut(let tags):
            self.deliveries.offer(tags.compactMap { self.held[$0] })
        case .fetch:
            self.writeAcknowledgements()
            self.handler.call(.basicGet(queue: Topology.quarantine(self.subscription.name)), on: self.channel)
                .assumeIsolated()
                .whenSuccess { reply in
                    if case .message(let message) = reply { self.fetched(message) } else { self.fetched(nil) }
                }
        }
    }

    private func fetched(_ message: IncomingMessage?) {
        guard let message else {
            self.gate.fetched(nil)
            return self.step()
        }
        guard self.hold(message) else { return }
        self.gate.fetched(message.tag)
        self.deliveries.offer([message])
    }

    /// Writes acknowledgements when there are enough of them, and at the latest after a while.
    ///
    /// Each is a command in the log of a quorum queue, which messages wait for as well; the broker goes on sending until
    /// `prefetch` is reached.
    private func acknowledgeSoon() {
        guard self.acknowledgements.settledCount < self.patience else { return self.writeAcknowledgements() }
        guard self.acknowledgements.settledCount > 0, !self.isWriteScheduled else { return }
        self.isWriteScheduled = true
        // While somebody waits to run alone, the verdict that makes room for it is not to wait.
        self.deliveries.wake(atVerdicts: self.gate.isOpen ? self.patience - self.acknowledgements.settledCount : 1)
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: Self.longestDelay) {
            self.isWriteScheduled = false
            self.deliveries.wake(atVerdicts: 1)
            self.collect()
            self.writeAcknowledgements()
        }
    }

    func writeAcknowledgements() {
        guard self.failure == nil else { return }
        for ack in self.acknowledgements.flush() {
            self.handler.send(.basicAck(tag: ack.tag, multiple: ack.multiple), on: self.channel.number)
        }
        self.handler.flush()
    }

    func finishFlushes() {
        guard !self.flushes.isEmpty, self.copies.isEmpty else { return }
        let flushes = self.flushes
        self.flushes = []
        for promise in flushes { promise.succeed() }
    }

    /// Another instance may have left something to run alone: a look at the count is cheap and disturbs nobody.
    private func scheduleQuarantineCheck() {
        guard self.hasQuarantine, self.failure == nil else { return }
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(self.configuration.quarantineCheckInterval)) {
            guard self.failure == nil, !self.gate.isStopped else { return }
            guard self.gate.isOpen else { return self.scheduleQuarantineCheck() }
            let count = ClientMethod.queueDeclare(
                name: Topology.quarantine(self.subscription.name),
                passive: true,
                arguments: []
            )
            self.handler.call(count, on: self.channel).assumeIsolated().whenSuccess { reply in
                if case .method(.queueDeclareOk(let messages)) = reply, messages > 0 {
                    self.gate.quarantineHasMessages()
                    self.step()
                }
                self.scheduleQuarantineCheck()
            }
        }
    }
}
