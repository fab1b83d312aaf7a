// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Receives what waits in a dead-letter queue.
///
/// Confined to the event loop.
final class DeadLetterSession: ChannelDelegate {
    /// When nothing arrives for this long, another consumer has taken what is missing; long enough for a broker under load.
    private static let silence = TimeAmount.seconds(5)

    private enum Waiter {
        /// Waits for messages to look at.
        case messages(Int, EventLoopPromise<[IncomingMessage]>)
        /// Waits until everything has arrived.
        case end(EventLoopPromise<Void>)

        func fail(_ error: any Error) {
            switch self {
            case .messages(_, let promise): promise.fail(error)
            case .end(let promise): promise.fail(error)
            }
        }
    }

    private(set) var window: DeadLetterWindow<IncomingMessage>
    private let eventLoop: any EventLoop
    private var waiter: Waiter?
    private var failure: (any Error)?
    private var lastChange: NIODeadline

    init(_ window: DeadLetterWindow<IncomingMessage>, _ channel: AMQPChannel, _ eventLoop: any EventLoop) {
        self.window = window
        self.eventLoop = eventLoop
        self.lastChange = eventLoop.now
        channel.delegate = self
    }

    /// The next messages; none if there are no more.
    ///
    /// Only one task may wait at a time.
    func next(_ limit: Int) -> EventLoopFuture<[IncomingMessage]> {
        let promise = self.eventLoop.makePromise(of: [IncomingMessage].self)
        self.wait(.messages(limit, promise))
        return promise.futureResult
    }

    /// Waits until everything that the broker delivers has arrived.
    func untilComplete() -> EventLoopFuture<Void> {
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.wait(.end(promise))
        return promise.futureResult
    }

    func removed(_ count: Int) { self.window.removed(count) }

    /// Ends the wait, and all later ones.
    func cancel() {
        self.failure = self.failure ?? CancellationError()
        self.resume(isSilent: false)
    }

    private func wait(_ waiter: Waiter) {
        self.waiter = waiter
        // What an acknowledgement has made room for arrives after it.
        self.lastChange = self.eventLoop.now
        self.resume(isSilent: false)
        if self.waiter != nil { self.watchSilence() }
    }

    private func resume(isSilent: Bool) {
        guard let waiter = self.waiter else { return }
        if let failure = self.failure {
            self.waiter = nil
            return waiter.fail(failure)
        }
        switch waiter {
        case .messages(let limit, let promise):
            guard let messages = self.window.take(limit, isSilent: isSilent) else { return }
            self.waiter = nil
            promise.succeed(messages)
        case .end(let promise):
            guard self.window.isComplete || isSilent else { return }
            self.waiter = nil
            promise.succeed()
        }
    }

    private func watchSilence() {
        let deadline = self.lastChange + Self.silence
        self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            guard self.waiter != nil else { return }
            if self.eventLoop.now - self.lastChange >= Self.silence {
                self.resume(isSilent: true)
            } else {
                self.watchSilence()
            }
        }
    }

    func received(_ method: ServerMethod) {
        guard case .basicCancel = method else { return }
        self.closed(ConnectionFailure(.cancelled, "the broker cancelled the consumer of dead letters"))
    }

    func received(_ message: IncomingMessage) {
        guard message.origin == .delivered else { return }
        self.window.received(message, bytes: message.body.readableBytes)
    }

    func readCompleted() {
        self.lastChange = self.eventLoop.now
        self.resume(isSilent: false)
    }

    func closed(_ failure: ConnectionFailure) {
        self.failure = failure
        self.resume(isSilent: false)
    }
}
