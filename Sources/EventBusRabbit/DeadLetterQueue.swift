// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// A dead-letter queue that one task looks through from its front.
///
/// What it has fetched is held until it is removed or the queue is closed.
final class DeadLetterQueue {
    private let name: String
    private let connection: RabbitConnection
    private let channel: NIOLoopBound<AMQPChannel>
    private var held = 0
    /// Whether the next message may be one that has been given back before.
    private var mayBeReturned = true

    init(of subscription: SubscriptionName, on connection: RabbitConnection) async throws {
        self.name = Topology.dead(subscription)
        self.connection = connection
        self.channel = try await connection.openChannel()
    }

    /// The next message; `nil` at the end.
    func next() async throws -> IncomingMessage? {
        try Task.checkCancellation()
        return try await self.fetch()
    }

    private func fetch() async throws -> IncomingMessage? {
        let reply = try await self.connection.call(.basicGet(queue: self.name), on: self.channel)
        let message = reply.content.flatMap(IncomingMessage.init)
        self.mayBeReturned = message?.redelivered == true
        if message != nil { self.held += 1 }
        return message
    }

    /// Acknowledges messages.
    func remove(_ tags: [UInt64]) async throws {
        let channel = self.channel
        try await self.connection.onLoop { handler in
            for tag in tags { handler.send(.basicAck(tag: tag, multiple: false), on: channel.value.number) }
            handler.flush()
        }
        self.held -= tags.count
    }

    /// Gives back what is held, to the front and in order: only closing the channel does so.
    func close() async throws {
        guard self.held > 0 else { return try await self.closeChannel() }
        // What has been given back before stands in front of all others, and what is given back now stands behind it: to keep
        // the order, all of it has to be given back together.
        while self.mayBeReturned { _ = try await self.fetch() }
        let expected = try await self.count(on: self.channel) + self.held
        try await self.closeChannel()
        let channel = try await self.connection.openChannel()
        // RabbitMQ answers before the queue has the messages back, and whoever looks too early would mix up their order for good.
        // Not for ever, since somebody else may take them as soon as they are back.
        for _ in 0..<400 {
            if try await self.count(on: channel) >= expected { break }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func closeChannel() async throws {
        // Answered after everything before it has been carried out.
        try await self.connection.call(.channelClose, on: self.channel)
    }

    private func count(on channel: NIOLoopBound<AMQPChannel>) async throws -> Int {
        let declare = ClientMethod.queueDeclare(name: self.name, passive: true, arguments: [])
        guard case .queueDeclareOk(let messages) = try await self.connection.call(declare, on: channel).method else {
            return 0
        }
        return Int(messages)
    }
}
