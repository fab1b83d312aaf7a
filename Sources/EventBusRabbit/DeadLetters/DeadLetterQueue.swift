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
    private var removed: [UInt64] = []

    init(of subscription: SubscriptionName, on connection: RabbitConnection) async throws {
        self.name = Topology.dead(subscription)
        self.connection = connection
        self.channel = try await connection.openChannel()
    }

    /// The oldest messages: at most `limit`, and no more once they hold `maximumBytes`.
    ///
    /// To be called once. All are held until the queue is closed.
    func oldest(_ limit: Int, maximumBytes: Int = .max) async throws -> [ReceivedMessage] {
        try Task.checkCancellation()
        let expected = min(try await self.count(on: self.channel), Int(UInt16.max))
        guard expected > 0, limit > 0 else { return [] }
        let (channel, eventLoop) = (self.channel, self.connection.eventLoop)
        let done = eventLoop.makePromise(of: Void.self)
        let session = try await self.connection.onLoop { _ in
            let session = DeadLetterSession(
                limit: limit,
                maximumBytes: maximumBytes,
                expected: expected,
                channel.value,
                eventLoop,
                done: done
            )
            return NIOLoopBound(session, eventLoop: eventLoop)
        }
        self.session = session
        do {
            try await self.connection.call(.basicQos(prefetch: UInt16(expected)), on: channel)
            try await self.connection.call(.basicConsume(queue: self.name, consumerTag: "dead"), on: channel)
        } catch {
            done.fail(error)
            throw error
        }
        try await withTaskCancellationHandler {
            try await done.futureResult.get()
        } onCancel: {
            done.fail(CancellationError())
        }
        return try await self.connection.onLoop { _ in session.value.messages }.map(ReceivedMessage.init)
    }

    /// Removes messages from the queue when it is closed.
    func remove(_ tags: [UInt64]) {
        self.removed += tags
    }

    /// Returns everything that is held and was not removed, in its old order.
    func close() async throws {
        let channel = self.channel
        guard let session = self.session else { return try await self.closeChannel() }
        let received = try await self.connection.onLoop { _ in session.value.received }
        let expected = try await self.count(on: channel) + received - self.removed.count
        try await self.acknowledge()
        try await self.closeChannel()
        // RabbitMQ answers before the queue has the messages back, and fetching them too early would change their order for good.
        // The wait is bounded, since another consumer may take the messages as soon as they are back.
        let other = try await self.connection.openChannel()
        for _ in 0..<400 {
            if try await self.count(on: other) >= expected { break }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Acknowledges what was removed, in such a way that closing the channel right afterwards does not undo it.
    ///
    /// When acknowledgements arrive faster than a quorum queue accepts them, RabbitMQ 3.10 keeps all but 32 in the channel's process
    /// and loses them with it.
    private func acknowledge() async throws {
        let tags = self.removed.sorted()
        let front = zip(tags, 1...).prefix { $0 == $1 }.count
        var acks = front > 0 ? [ClientMethod.basicAck(tag: UInt64(front), multiple: true)] : []
        acks += tags.dropFirst(front).map { .basicAck(tag: $0, multiple: false) }
        let number = try await self.connection.onLoop { [channel] _ in channel.value.number }
        for start in stride(from: 0, to: acks.count, by: Self.acknowledgementsAtOnce) {
            if start > 0 { try await self.untilAcknowledged(start) }
            let chunk = Array(acks[start..<min(start + Self.acknowledgementsAtOnce, acks.count)])
            try await self.connection.onLoop { handler in
                for ack in chunk { handler.send(ack, on: number) }
                handler.flush()
            }
        }
    }

    /// Waits until the queue has processed everything sent so far, by adding one more consumer, which the queue does after that.
    private func untilAcknowledged(_ number: Int) async throws {
        try await self.connection.call(.basicQos(prefetch: 1), on: self.channel)
        try await self.connection.call(
            .basicConsume(queue: self.name, consumerTag: "dead.\(number)"),
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
