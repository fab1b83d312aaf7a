// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// The channel of a session is replaced when the broker closes it, and when ``ConfirmWatch`` says so. One that is replaced while it works
/// keeps its messages until they are answered, and gets no further ones.
extension PublishSession {
    /// Opens the first channel.
    func open() -> EventLoopFuture<Void> { self.openChannel(isOnProbation: false) }

    /// Makes the queue wake this session.
    func attach() {
        let session = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.lane.queue.attach { [eventLoop] in
            eventLoop.execute { session.value.drain() }
        } cancel: { [eventLoop] id in
            eventLoop.execute { session.value.cancel(id) }
        }
    }

    /// How long the broker may take to answer a message on a channel.
    func patience(on channel: PublishChannel) -> TimeAmount {
        channel.isOnProbation ? min(self.timeout, ConfirmWatch.patience) : self.timeout
    }

    func deadline(on channel: PublishChannel) -> NIODeadline { self.now + self.patience(on: channel) }

    /// A channel is closed.
    func closed(_ channel: PublishChannel, _ failure: ConnectionFailure) {
        if let failure = self.handler.failure { return self.end(failure) }
        self.retired.removeAll { $0 === channel }
        // This side has closed it, since nothing was expected of it.
        guard failure.code != .closed else { return }
        let isOnly = channel.confirms.outstanding == 1
        let open = channel.confirms.fail().map(\.slot)
        let plan = self.recovery.closed(
            failure,
            open: open.map(\.message.routingKey),
            largest: open.reduce(0) { max($0, $1.message.bodySize) },
            isOnly: isOnly
        )
        for slot in open { self.resolve(slot, plan.outcome(of: slot.message)) }
        switch plan.scope {
        case .larger(let limit): self.handler.maximumBody = min(self.handler.maximumBody, limit)
        case .message: break
        case .exchange, .everything: self.lane.activity.change { $0.closed(failure.text, now: self.now) }
        }
        if channel === self.current {
            self.current = nil
            let error = failure.busError(.unavailable)
            if plan.failsOthers {
                self.lane.queue.detach(error)
                self.failWaiting(error)
            }
            self.openAgain(after: plan)
        }
        self.report()
    }

    private func openAgain(after plan: ChannelRecovery.Plan) {
        let pause = TimeAmount(plan.pause * Double.random(in: 0.5...1))
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: pause) {
            guard self.failure == nil else { return }
            let prepared = plan.scope == .exchange ? self.declare() : self.eventLoop.makeSucceededVoidFuture()
            prepared.assumeIsolated().whenComplete { _ in
                self.openChannel(isOnProbation: false).assumeIsolated().whenComplete { result in
                    switch result {
                    case .success:
                        if plan.scope == .exchange { self.lane.activity.change { $0.repaired() } }
                        if plan.failsOthers, !self.ledger.isEnding { self.attach() }
                    case .failure(let error): self.giveUp(error)
                    }
                }
            }
        }
    }

    private func openChannel(isOnProbation: Bool) -> EventLoopFuture<Void> {
        do throws(ConnectionFailure) {
            let channel = try self.handler.openChannel()
            _ = self.handler.call(.channelOpen, on: channel)
            return self.handler.call(.confirmSelect, on: channel).assumeIsolated().map { _ in
                self.openings += 1
                self.current = PublishChannel(channel, of: self, isOnProbation: isOnProbation)
                self.turn()
            }.nonisolated()
        } catch {
            return self.eventLoop.makeFailedFuture(error)
        }
    }

    /// Not even an empty channel can be opened.
    private func giveUp(_ error: any Error) {
        let failure = error as? ConnectionFailure ?? ConnectionFailure(.lost, "\(error)")
        self.handler.fail(failure)
        self.end(self.handler.failure ?? failure)
    }

    func follow(_ advice: ConfirmWatch.Advice, because reason: String) {
        switch advice {
        case .none: break
        case .replaceChannel, .replaceSilentChannel:
            guard let channel = self.current else { return }
            self.lane.activity.change { $0.replaced("channel", because: reason, now: self.now) }
            self.current = nil
            self.retired.append(channel)
            self.openChannel(isOnProbation: advice == .replaceSilentChannel).assumeIsolated()
                .whenFailure { self.giveUp($0) }
            self.expectChannel()
        case .replaceConnection:
            self.lane.activity.change { $0.replaced("connection", because: reason, now: self.now) }
            self.handler.fail(ConnectionFailure(.silent, reason))
        }
    }

    /// When not even a new channel is opened the broker reads nothing from the connection: RabbitMQ stops reading when one of its
    /// channels is stuck.
    private func expectChannel() {
        let openings = self.openings
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: ConfirmWatch.openingPatience) {
            // On a slow network the request may not even have left, and during an alarm the broker reads nothing.
            guard self.openings == openings, self.failure == nil, !self.handler.sending.isWaiting,
                !self.handler.isBlocked
            else { return }
            self.follow(.replaceConnection, because: "the broker did not open another channel")
        }
    }

    /// Closes the retired channels of which nothing is expected any more.
    func closeRetired() {
        guard !self.retired.isEmpty else { return }
        for channel in self.retired where !channel.confirms.hasOpen {
            self.retired.removeAll { $0 === channel }
            // A channel that is stuck may never answer.
            _ = self.handler.call(.channelClose, on: channel.channel, isUrgent: false)
        }
    }
}
