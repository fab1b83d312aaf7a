// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Moves the messages of queues elsewhere: copies them, waits for the confirms, and only then acknowledges them.
struct QueueMover {
    /// How many messages are moved together; RabbitMQ 3.10 can lose more than 32 acknowledgements when their channel is closed.
    private static let messagesAtOnce = 16
    private static let bytesAtOnce = 16 * 1024 * 1024

    let connection: RabbitConnection
    let channel: NIOLoopBound<AMQPChannel>
    /// Sends copies and returns their outcomes.
    let send: ([OutgoingMessage]) async -> [PublishOutcome]

    /// Moves everything that a queue holds.
    ///
    /// - Returns: how many messages were moved.
    func empty(_ queue: String, _ copy: (ReceivedMessage) -> OutgoingMessage) async throws -> Int {
        var moved = 0
        while true {
            try Task.checkCancellation()
            let messages = try await self.fetch(from: queue)
            // The answer that the queue is empty comes after it has accepted the acknowledgements before.
            guard !messages.isEmpty else { return moved }
            let outcomes = await self.send(messages.map { copy(ReceivedMessage($0)) })
            let stored = zip(messages, outcomes).filter { $0.1.isConfirmed }.map(\.0.tag)
            try await self.acknowledge(stored)
            moved += stored.count
            for outcome in outcomes where !outcome.isConfirmed { throw self.error(outcome) }
        }
    }

    private func fetch(from queue: String) async throws -> [IncomingMessage] {
        var messages: [IncomingMessage] = []
        var bytes = 0
        while messages.count < Self.messagesAtOnce, bytes < Self.bytesAtOnce {
            guard case .message(let message) = try await self.connection.call(.basicGet(queue: queue), on: self.channel)
            else { break }
            messages.append(message)
            bytes += message.body.readableBytes
        }
        return messages
    }

    private func acknowledge(_ tags: [UInt64]) async throws {
        try await self.connection.onLoop { [channel] handler in
            for tag in tags { handler.send(.basicAck(tag: tag, multiple: false), on: channel.value.number) }
            handler.flush()
        }
    }

    private func error(_ outcome: PublishOutcome) -> BusError {
        switch outcome {
        case .notSent(let error): error
        case .unroutable: BusError(.unknownSubscription, "RabbitMQ: a queue to move messages to is missing")
        default: BusError(.unavailable, "RabbitMQ: the broker did not confirm a message that was to be moved")
        }
    }
}
