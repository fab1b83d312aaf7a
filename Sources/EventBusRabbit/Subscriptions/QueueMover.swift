// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Moves the messages of queues elsewhere: copies them, waits for the confirms, and only then acknowledges them.
struct QueueMover {
    /// How many messages are moved together; RabbitMQ 3.10 can lose more than 32 acknowledgements when their channel is closed.
    private static let messagesAtOnce = 16
    private static let bytesAtOnce = 16 * 1024 * 1024

    /// At least as many as most consumers take: an ordered queue returns in another order what is taken in smaller parts.
    private static let prefetch: UInt16 = 256
    private static let silence = TimeAmount.milliseconds(200)

    let connection: RabbitConnection
    /// Sends copies and returns their outcomes.
    let send: ([OutgoingMessage]) async -> [PublishOutcome]

    /// Moves everything that a queue holds.
    ///
    /// - Returns: how many messages were moved.
    /// - Throws: `ConnectionFailure` with code 405 for a queue with a single active consumer, from which nothing can be fetched.
    func empty(_ queue: String, _ copy: (ReceivedMessage) -> OutgoingMessage) async throws -> Int {
        let channel = try await self.connection.openChannel()
        var moved = 0
        while true {
            let messages = try await self.fetch(from: queue, on: channel)
            // The answer that the queue is empty comes after it has accepted the acknowledgements before.
            guard !messages.isEmpty else { break }
            try await self.move(messages, on: channel, copy)
            moved += messages.count
        }
        try await self.connection.call(.channelClose, on: channel)
        return moved
    }

    /// Moves everything that a queue with a single active consumer holds, as that consumer.
    func emptyAsConsumer(_ queue: String, _ copy: (ReceivedMessage) -> OutgoingMessage) async throws -> Int {
        let eventLoop = self.connection.eventLoop
        let channel = try await self.connection.openChannel()
        let session = try await self.connection.onLoop { _ in
            NIOLoopBound(MoveSession(channel.value, eventLoop), eventLoop: eventLoop)
        }
        try await self.connection.call(.basicQos(prefetch: Self.prefetch), on: channel)
        try await self.connection.call(.basicConsume(queue: queue, consumerTag: "move"), on: channel)
        var moved = 0
        while true {
            let arrivals = try await eventLoop.flatSubmit { session.value.next(within: Self.silence) }.get()
            if arrivals.isEmpty, try await self.connection.count(of: queue)?.messages ?? 0 == 0 { break }
            for start in stride(from: 0, to: arrivals.count, by: Self.messagesAtOnce) {
                try await self.move(
                    Array(arrivals[start..<min(start + Self.messagesAtOnce, arrivals.count)]),
                    on: channel,
                    copy
                )
            }
            moved += arrivals.count
        }
        try await self.connection.call(.channelClose, on: channel)
        return moved
    }

    /// Moves what comes to a consumer that holds one message at a time, until its connection ends.
    ///
    /// What cannot be stored stays with the consumer and is tried again.
    func passOn(
        from session: NIOLoopBound<MoveSession>,
        on channel: NIOLoopBound<AMQPChannel>,
        _ copy: (ReceivedMessage) -> OutgoingMessage
    ) async throws {
        let eventLoop = self.connection.eventLoop
        while true {
            let arrivals = try await eventLoop.flatSubmit { session.value.next(within: .minutes(1)) }.get()
            var backoff = Backoff(first: .milliseconds(100), longest: .seconds(10))
            for message in arrivals {
                while try await !self.isMoved(message, on: channel, copy) { try await Task.sleep(for: backoff.next()) }
            }
        }
    }

    private func isMoved(
        _ message: IncomingMessage,
        on channel: NIOLoopBound<AMQPChannel>,
        _ copy: (ReceivedMessage) -> OutgoingMessage
    ) async throws -> Bool {
        do {
            try await self.move([message], on: channel, copy)
            return true
        } catch let error as BusError where error.code != .closed {
            return false
        }
    }

    private func fetch(
        from queue: String,
        on channel: NIOLoopBound<AMQPChannel>
    ) async throws -> [IncomingMessage] {
        var messages: [IncomingMessage] = []
        var bytes = 0
        while messages.count < Self.messagesAtOnce, bytes < Self.bytesAtOnce {
            guard case .message(let message) = try await self.connection.call(.basicGet(queue: queue), on: channel)
            else { break }
            messages.append(message)
            bytes += message.body.readableBytes
        }
        return messages
    }

    private func move(
        _ messages: [IncomingMessage],
        on channel: NIOLoopBound<AMQPChannel>,
        _ copy: (ReceivedMessage) -> OutgoingMessage
    ) async throws {
        try Task.checkCancellation()
        let outcomes = await self.send(messages.map { copy(ReceivedMessage($0)) })
        // Those behind one that was not stored stay too, so that the order is kept.
        let stored = zip(messages, outcomes).prefix { $0.1.isConfirmed }.map(\.0.tag)
        try await self.connection.onLoop { handler in
            for tag in stored { handler.send(.basicAck(tag: tag, multiple: false), on: channel.value.number) }
            handler.flush()
        }
        for outcome in outcomes where !outcome.isConfirmed { throw self.error(outcome) }
    }

    private func error(_ outcome: PublishOutcome) -> BusError {
        switch outcome {
        case .notSent(let error): error
        case .unroutable: BusError(.unknownSubscription, "RabbitMQ: a queue to move messages to is missing")
        default: BusError(.unavailable, "RabbitMQ: the broker did not confirm a message that was to be moved")
        }
    }
}
