// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Receives what the broker delivers from a queue that is moved, in order.
///
/// Confined to the event loop.
final class MoveSession: ChannelDelegate {
    private let eventLoop: any EventLoop
    private var arrivals: [IncomingMessage] = []
    private var waiter: EventLoopPromise<[IncomingMessage]>?
    private var failure: ConnectionFailure?

    init(_ channel: AMQPChannel, _ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        channel.delegate = self
    }

    /// What has arrived since the last call; nothing if nothing arrives in time.
    ///
    /// Only one task may call this at a time.
    func next(within limit: TimeAmount) -> EventLoopFuture<[IncomingMessage]> {
        let promise = self.eventLoop.makePromise(of: [IncomingMessage].self)
        self.waiter = promise
        self.resume(isLate: false)
        let deadline = self.eventLoop.assumeIsolated().scheduleTask(in: limit) { self.resume(isLate: true) }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        return promise.futureResult
    }

    func received(_ method: ServerMethod) {
        guard case .basicCancel = method else { return }
        self.failure = ConnectionFailure(.cancelled, "the broker cancelled the consumer that moves messages")
        self.resume(isLate: false)
    }

    func received(_ message: IncomingMessage) {
        if message.origin == .delivered { self.arrivals.append(message) }
    }

    func readCompleted() {
        self.resume(isLate: false)
    }

    func closed(_ failure: ConnectionFailure) {
        self.failure = failure
        self.resume(isLate: false)
    }

    private func resume(isLate: Bool) {
        guard let waiter = self.waiter, isLate || !self.arrivals.isEmpty || self.failure != nil else { return }
        self.waiter = nil
        if let failure = self.failure { return waiter.fail(failure) }
        let arrivals = self.arrivals
        self.arrivals = []
        waiter.succeed(arrivals)
    }
}
