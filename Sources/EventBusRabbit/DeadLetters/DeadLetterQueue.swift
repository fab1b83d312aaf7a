// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Reads a dead-letter queue without changing its order.
///
/// RabbitMQ returns unacknowledged messages in their old order only when the channel of a single consumer is closed; what several
/// `basic.get` fetched returns in another order. And it puts returned messages behind those that were returned before, so that
/// everything has to be fetched each time.
final class DeadLetterQueue {
    private static let acknowledgementsAtOnce = 16

    private let name: String
    private let connection: RabbitConnection
    private let channel: NIOLoopBound<AMQPChannel>
    private var session: NIOLoopBound<DeadLetterSession>?
    private var acknowledgements = DeadLetterAcknowledgements()
    private var unanswered = 0
    private var synchronizations = 0

    init(of subscription: SubscriptionName, on connection: RabbitConnection) async throws {
        self.name = Topology.dead(subscription)
        self.connection = connection
        self.channel = try await connection.openChannel()
    }

    /// How many messages wait in the queue.
    func count() async throws -> Int { try await self.count(on: self.channel) }

    /// Begins to read; to be called once.
    ///
    /// All messages that are not removed are held until the queue is closed.
    ///
    /// - Parameters:
    ///   - count: how many messages the queue holds.
    ///   - skipped: how many of the oldest are not looked at.
    ///   - limit: how many to look at.
    ///   - maximumBytes: how many bytes of bodies may wait to be looked at.
    func open(count: Int, skipping skipped: Int = 0, limit: Int, maximumBytes: Int = .max) async throws {
        try Task.checkCancellation()
        guard count > skipped, limit > 0 else { return }
        self.acknowledgements = DeadLetterAcknowledgements(hasKept: skipped > 0)
        let (channel, eventLoop) = (self.channel, self.connection.eventLoop)
        self.session = try await self.connection.onLoop { _ in
            let window = DeadLetterWindow<IncomingMessage>(
                count: count,
                skipping: skipped,
                limit: limit,
                maximumBytes: maximumBytes
            )
            return NIOLoopBound(DeadLetterSession(window, channel.value, eventLoop), eventLoop: eventLoop)
        }
        let prefetch = UInt16(min(count, DeadLetterWindow<IncomingMessage>.size))
        try await self.connection.call(.basicQos(prefetch: prefetch), on: channel)
        try await self.connection.call(.basicConsume(queue: self.name, consumerTag: "dead"), on: channel)
    }

    /// The next messages, at most `limit`; none at the end.
    func next(_ limit: Int) async throws -> [ReceivedMessage] {
        guard let session = self.session else { return [] }
        let eventLoop = self.connection.eventLoop
        let messages = try await withTaskCancellationHandler {
            try await eventLoop.flatSubmit { session.value.next(limit) }.get()
        } onCancel: {
            eventLoop.execute { session.value.cancel() }
        }
        return messages.map(ReceivedMessage.init)
    }

    /// Whether the queue has more to look at, which did not fit into memory.
    func isCut() async throws -> Bool {
        guard let session = self.session else { return false }
        return try await self.connection.onLoop { _ in session.value.window.isCut }
    }

    /// Removes some of the messages that the last call of `next` has returned, in order.
    ///
    /// When acknowledgements arrive faster than a quorum queue accepts them, RabbitMQ 3.10 keeps all but 32 in the channel's process,
    /// and closing the channel loses them.
    func remove(_ removed: [UInt64], of looked: [UInt64]) async throws {
        guard let session = self.session, !removed.isEmpty || !looked.isEmpty else { return }
        let acks = self.acknowledgements.settle(removed, of: looked)
        let number = try await self.connection.onLoop { [channel] _ in
            session.value.removed(removed.count)
            return channel.value.number
        }
        for ack in acks {
            if self.unanswered == Self.acknowledgementsAtOnce { try await self.untilAcknowledged() }
            self.unanswered += 1
            try await self.connection.onLoop { handler in
                handler.send(ack, on: number)
                handler.flush()
            }
        }
    }

    /// Returns everything that is held and was not removed, in its old order, and waits until it is back; also in a cancelled task.
    func close() async throws {
        let channel = self.channel
        guard let session = self.session else { return try await self.closeChannel() }
        if !Task.isCancelled {
            try await self.connection.eventLoop.flatSubmit { session.value.untilComplete() }.get()
        }
        let ready = try await self.count(on: channel)
        let expected = try await self.connection.onLoop { _ in session.value.window.expected(ready: ready) }
        try await self.closeChannel()
        // RabbitMQ answers before the queue has the messages back, and fetching them too early would change their order for good.
        // The wait is bounded, since another consumer may take the messages as soon as they are back.
        let other = try await self.connection.openChannel()
        for _ in 0..<400 {
            if try await self.count(on: other) >= expected { break }
            try await self.connection.eventLoop.pause(for: .milliseconds(5))
        }
    }

    /// Waits until the queue has processed everything sent so far, by adding one more consumer, which the queue does after that.
    private func untilAcknowledged() async throws {
        self.unanswered = 0
        self.synchronizations += 1
        try await self.connection.call(.basicQos(prefetch: 1), on: self.channel)
        try await self.connection.call(
            .basicConsume(queue: self.name, consumerTag: "dead.\(self.synchronizations)"),
            on: self.channel
        )
    }

    private func closeChannel() async throws {
        // The answer comes after everything before it has been processed.
        try await self.connection.call(.channelClose, on: self.channel)
    }

    private func count(on channel: NIOLoopBound<AMQPChannel>) async throws -> Int {
        let declare = ClientMethod.queueDeclare(name: self.name, passive: true, arguments: [])
        guard case .method(.queueDeclareOk(let messages, _)) = try await self.connection.call(declare, on: channel)
        else {
            return 0
        }
        return Int(messages)
    }
}
