// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore

extension RabbitEventBus {
    /// Runs `body` with the deliveries of all shards, then closes the connection.
    ///
    /// Each shard is consumed on a connection of its own, as every subscription: it has its own limit of bytes, and what it holds
    /// is given back by closing the connection.
    func deliverShards(
        of subscription: Subscription,
        on connection: RabbitConnection,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        let member = try await Member(of: subscription.name, on: connection)
        async let _ = self.passOn(from: member)
        let scope = ShardedScope(subscription, clock: RelativeClock(ContinuousClock())) { shard, body in
            try await self.withConnection("\(shard.name)") { connection in
                try await self.prepare(connection)
                try await connection.declare(Declaration.shard(shard.name.shardNumber ?? 0, of: subscription))
                _ = try await self.probe(shard, on: connection)
                try await self.deliver(shard, on: connection, body)
            }
        } instances: {
            try await member.count()
        } leave: {
            await member.leave()
        } note: { shard, error in
            self.note(error, of: shard)
        }
        let result = await Result { try await scope.run(body) }
        await connection.close()
        try result.get()
    }

    /// A shard is not open, while others are.
    private func note(_ error: (any Error)?, of shard: SubscriptionName) {
        let reason = error.map { ($0 as? BusError)?.description ?? "\(type(of: $0))" }
        let isNew = self.status.noteClosed(reason.map { "the shard is not open: \($0)" }, shard: shard)
        guard let error, isNew else { return }
        self.logger(for: shard).warning("A shard could not be opened; it will be tried again", error: error)
    }

    /// Gives what somebody has published to the subscription's own queue to the shards, until the member's connection ends.
    private func passOn(from member: Member) async {
        let mover = QueueMover(connection: member.connection) { copies in
            await self.send(copies.map(Outgoing.copy), through: self.copies)
        }
        do {
            try await mover.passOn(from: member.session, on: member.channel) { message in
                MessageCopy.moved(message, from: .perKey, to: member.name)
                    .throughShards(of: member.name, key: message.orderingKey)
            }
        } catch let failure as ConnectionFailure {
            // If the queue was deleted: counting fails then, and the subscription is opened again, which declares it.
            try? await member.connection.onLoop { $0.fail(failure) }
        } catch {
            // The scope has ended, or the bus: what is left stays in the queue.
        }
    }
}

/// An instance of a sharded subscription: a consumer of the subscription's own queue, to which no event is routed.
private struct Member: Sendable {
    private static let consumerTag = "instance"

    let name: SubscriptionName
    let connection: RabbitConnection
    let channel: NIOLoopBound<AMQPChannel>
    let session: NIOLoopBound<MoveSession>

    init(of subscription: SubscriptionName, on connection: RabbitConnection) async throws {
        let channel = try await connection.openChannel()
        let eventLoop = connection.eventLoop
        self.name = subscription
        self.connection = connection
        self.channel = channel
        self.session = try await connection.onLoop { _ in
            NIOLoopBound(MoveSession(channel.value, eventLoop), eventLoop: eventLoop)
        }
        try await connection.call(.basicQos(prefetch: 1), on: channel)
        try await connection.call(
            .basicConsume(queue: subscription.description, consumerTag: Self.consumerTag),
            on: channel
        )
        try await connection.onLoop { $0.replyPause = ReplyPatience.pause }
    }

    /// Is not counted any longer.
    func leave() async {
        // A shutdown does not wait for a broker that does not answer.
        try? await self.connection.onLoop { [channel] handler in
            _ = handler.call(.basicCancel(consumerTag: Self.consumerTag), on: channel.value)
        }
    }

    /// How many instances there are; 0 if RabbitMQ cannot tell.
    func count() async throws -> Int {
        let declare = ClientMethod.queueDeclare(name: self.name.description, passive: true, arguments: [])
        do {
            let reply = try await self.connection.call(declare, on: self.channel)
            guard case .method(.queueDeclareOk(_, let consumers)) = reply else { return 1 }
            return Int(consumers)
        } catch let failure as ConnectionFailure {
            throw failure.busError(.connectionLost)
        }
    }
}
