// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// An open connection, for use by tasks.
struct RabbitConnection: Sendable {
    let host: RabbitConfiguration.Host
    let eventLoop: any EventLoop
    let channel: any Channel
    let handler: NIOLoopBound<ConnectionHandler>

    /// Runs something on the connection's event loop.
    func onLoop<Result: Sendable>(
        _ body: @escaping @Sendable (ConnectionHandler) throws -> Result
    ) async throws -> Result {
        try await self.eventLoop.submit { try body(self.handler.value) }.get()
    }

    /// Opens a channel.
    ///
    /// - Throws: ``ConnectionFailure``.
    func openChannel() async throws -> NIOLoopBound<AMQPChannel> {
        let channel = try await self.onLoop { handler in
            NIOLoopBound(try handler.openChannel(), eventLoop: self.eventLoop)
        }
        _ = try await self.call(.channelOpen, on: channel)
        return channel
    }

    /// Sends a request and waits for its answer.
    ///
    /// - Throws: ``ConnectionFailure``.
    @discardableResult
    func call(_ method: ClientMethod, on channel: NIOLoopBound<AMQPChannel>) async throws -> Reply {
        try await self.eventLoop.flatSubmit { self.handler.value.call(method, on: channel.value) }.get()
    }

    /// Closes the connection properly, within 5 s; also in a cancelled task.
    func close() async {
        self.eventLoop.execute { self.handler.value.close() }
        try? await self.channel.closeFuture.get()
    }

    /// Does something that is not waited for any longer when the task is cancelled.
    ///
    /// - Throws: `CancellationError`, and what `body` throws.
    func untilCancelled<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let promise = self.eventLoop.makePromise(of: Value.self)
        promise.completeWithTask(body)
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
    }

    /// Waits until the connection is closed.
    ///
    /// - Throws: `CancellationError`.
    func untilClosed() async throws {
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.channel.closeFuture.cascade(to: promise)
        try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
    }
}
