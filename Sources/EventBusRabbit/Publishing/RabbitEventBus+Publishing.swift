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
        var backoff = Backoff(first: .milliseconds(500), longest: .seconds(30))
        while true {
            let start = ContinuousClock.now
            do {
                try await self.stayConnected()
            } catch {
                try Task.checkCancellation()
                let failure = (error as? BusError) ?? BusError(.unavailable, "RabbitMQ: \(error)", cause: error)
                self.detach(failure)
                self.status.change(to: .down(failure.message))
                self.logger.info("The connection to RabbitMQ was lost or could not be made", error: failure)
            }
            if start.duration(to: .now) > .seconds(60) { backoff.reset() }
            try await Task.sleep(for: backoff.next() * Double.random(in: 0...1))
        }
    }

    /// Connects and publishes until the connection ends; always throws.
    private func stayConnected() async throws {
        let connection = try await self.connect("publishing")
        do {
            let sessions = try await self.startPublishing(on: connection)
            self.logger.debug("Connected to RabbitMQ")
            do {
                try await connection.untilClosed()
            } catch {
                await self.finish(sessions, on: connection)
                throw error
            }
            let failure = try await connection.onLoop { $0.failure }
            throw (failure ?? ConnectionFailure(.lost, "connection was lost")).busError(.unavailable)
        } catch {
            await connection.close()
            throw error
        }
    }

    private func startPublishing(on connection: RabbitConnection) async throws -> [NIOLoopBound<PublishSession>] {
        try await connection.declare([.exchange])
        let status = self.status
        try await connection.onLoop { handler in
            status.change(to: .connected)
            handler.onBlocked = { reason in
                status.change(to: reason.map { .blocked(reason: $0) } ?? .connected)
            }
        }
        var sessions: [NIOLoopBound<PublishSession>] = []
        // An event that makes the broker close its channel must not affect copies.
        for queue in [self.copies, self.events] {
            let channel = try await connection.openChannel()
            try await connection.call(.confirmSelect, on: channel)
            let timeout = TimeAmount(self.configuration.confirmTimeout)
            let eventLoop = connection.eventLoop
            let session = try await connection.onLoop { handler in
                let session = NIOLoopBound(
                    PublishSession(queue, channel.value, handler, timeout: timeout),
                    eventLoop: eventLoop
                )
                queue.attach { eventLoop.execute { session.value.drain() } }
                return session
            }
            sessions.append(session)
        }
        return sessions
    }

    /// Waits until the broker has answered for what was sent.
    private func finish(_ sessions: [NIOLoopBound<PublishSession>], on connection: RabbitConnection) async {
        self.detach(.shutDown)
        for session in sessions {
            try? await connection.eventLoop.flatSubmit { session.value.untilIdle(within: .seconds(5)) }.get()
        }
    }
}
