// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOConcurrencyHelpers
import NIOCore

extension RabbitEventBus {
    /// Sends messages and waits for their outcomes.
    func send(_ messages: [Outgoing], through queue: PublishQueue) async -> [PublishOutcome] {
        let ticket = NIOLockedValueBox<UInt64?>(nil)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let id = queue.submit(PublishBatch(messages: messages, sink: .all(continuation)))
                ticket.withLockedValue { $0 = id }
                if Task.isCancelled { self.cancel(id, in: queue) }
            }
        } onCancel: {
            if let id = ticket.withLockedValue({ $0 }) { self.cancel(id, in: queue) }
        }
    }

    /// Removes messages that are not written yet; for those that are, the outcome follows.
    private func cancel(_ id: UInt64, in queue: PublishQueue) {
        queue.cancel(id, BusError(.unavailable, "publishing was cancelled", cause: CancellationError()))
    }

    /// Without a connection, messages fail with `error`.
    func detach(_ error: BusError) {
        self.events.detach(error)
        self.copies.detach(error)
    }

    func keepConnected() async throws {
        let lanes = try await self.eventLoop.submit { [eventLoop, status, copies, events] in
            // An event that makes the broker close its channel must not affect copies.
            NIOLoopBound(
                [PublishLane(.copies, copies, status), PublishLane(.events, events, status)],
                eventLoop: eventLoop
            )
        }.get()
        var backoff = ReconnectBackoff()
        while true {
            let start = ContinuousClock.now
            do {
                try await self.stayConnected(lanes)
            } catch {
                try Task.checkCancellation()
                let failure = (error as? BusError) ?? BusError(.unavailable, "RabbitMQ: \(error)", cause: error)
                self.detach(failure)
                self.status.change(to: .down(failure.message))
                self.logger.info("The connection to RabbitMQ was lost or could not be made", error: failure)
                let pause = backoff.next(after: failure, lasted: start.duration(to: .now))
                try await Task.sleep(for: pause * Double.random(in: 0...1))
            }
        }
    }

    /// Connects and publishes until the connection ends; always throws.
    private func stayConnected(_ lanes: NIOLoopBound<[PublishLane]>) async throws {
        let connection = try await self.connect("publishing")
        do {
            let sessions = try await self.startPublishing(lanes, on: connection)
            self.logger.debug("Connected to RabbitMQ")
            do {
                try await connection.untilClosed()
            } catch {
                await self.finish(sessions, on: connection)
                throw error
            }
            let failure = try await connection.onLoop { handler in
                let failure = handler.failure ?? ConnectionFailure(.lost, "connection was lost")
                // Also one that has no channel at the moment.
                for session in sessions.value { session.end(failure) }
                return failure
            }
            throw failure.busError(.unavailable)
        } catch {
            await connection.close()
            throw error
        }
    }

    private func startPublishing(
        _ lanes: NIOLoopBound<[PublishLane]>,
        on connection: RabbitConnection
    ) async throws -> NIOLoopBound<[PublishSession]> {
        try await self.prepare(connection)
        try await self.declareExchange(on: connection)
        let timeout = TimeAmount(self.configuration.confirmTimeout)
        let (status, eventLoop) = (self.status, connection.eventLoop)
        let hasOtherHosts = self.configuration.hosts.count > 1
        let sessions = try await connection.onLoop { handler in
            status.change(to: .connected)
            handler.onBlocked = { reason in
                status.change(to: reason.map { .blocked(reason: $0) } ?? .connected)
            }
            let sessions = lanes.value.map { lane in
                PublishSession(lane, handler, timeout: timeout, hasOtherHosts: hasOtherHosts) {
                    eventLoop.makeFutureWithTask { try await self.declareExchange(on: connection) }
                }
            }
            return NIOLoopBound(sessions, eventLoop: eventLoop)
        }
        try await eventLoop.flatSubmit {
            EventLoopFuture.andAllSucceed(sessions.value.map { $0.open() }, on: eventLoop)
        }.get()
        try await connection.onLoop { handler in
            for session in sessions.value { session.attach() }
            handler.replyPause = ReplyPatience.pause
        }
        return sessions
    }

    /// Makes sure that the exchange exists, as far as this user may do that; if it is missing, publishing will tell.
    private func declareExchange(on connection: RabbitConnection) async throws {
        guard self.configuration.declaresExchange else { return }
        do {
            try await connection.declare([.exchange])
        } catch let error as BusError where error.code == .unavailable {
            self.logger.debug("The exchange of events cannot be declared", error: error)
        }
    }

    /// Waits until the broker has answered for what was sent.
    private func finish(_ sessions: NIOLoopBound<[PublishSession]>, on connection: RabbitConnection) async {
        self.detach(.shutDown)
        try? await connection.eventLoop.flatSubmit {
            EventLoopFuture.andAllSucceed(
                sessions.value.map { $0.untilIdle(within: .seconds(5)) },
                on: connection.eventLoop
            )
        }.get()
    }
}
