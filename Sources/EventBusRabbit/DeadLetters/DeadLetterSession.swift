// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Receives everything that waits in a dead-letter queue and keeps the oldest messages.
///
/// Confined to the event loop.
final class DeadLetterSession: ChannelDelegate {
    /// When nothing arrives for this long, another consumer has taken what is missing; long enough for a broker under load.
    private static let silence = TimeAmount.seconds(5)

    private let limit: Int
    private let maximumBytes: Int
    private let expected: Int
    private let eventLoop: any EventLoop
    private let done: EventLoopPromise<Void>
    private var bytes = 0
    private var lastArrival: NIODeadline
    private(set) var messages: [IncomingMessage] = []
    /// How many messages have arrived, including those that were not kept.
    private(set) var received = 0

    init(
        limit: Int,
        maximumBytes: Int,
        expected: Int,
        _ channel: AMQPChannel,
        _ eventLoop: any EventLoop,
        done: EventLoopPromise<Void>
    ) {
        self.limit = limit
        self.maximumBytes = maximumBytes
        self.expected = expected
        self.eventLoop = eventLoop
        self.done = done
        self.lastArrival = eventLoop.now
        channel.delegate = self
        self.waitForSilence()
    }

    func received(_ method: ServerMethod) {
        guard case .basicCancel = method else { return }
        self.done.fail(ConnectionFailure(.cancelled, "the broker cancelled the consumer of dead letters"))
    }

    func received(_ message: IncomingMessage) {
        guard message.origin == .delivered else { return }
        self.received += 1
        guard self.messages.count < self.limit, self.bytes < self.maximumBytes else { return }
        self.bytes += message.body.readableBytes
        self.messages.append(message)
    }

    func readCompleted() {
        self.lastArrival = self.eventLoop.now
        if self.received >= self.expected { self.done.succeed() }
    }

    func closed(_ failure: ConnectionFailure) {
        self.done.fail(failure)
    }

    private func waitForSilence() {
        let deadline = self.lastArrival + Self.silence
        let timer = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            if self.eventLoop.now - self.lastArrival >= Self.silence {
                self.done.succeed()
            } else {
                self.waitForSilence()
            }
        }
        self.done.futureResult.assumeIsolated().whenComplete { _ in timer.cancel() }
    }
}
