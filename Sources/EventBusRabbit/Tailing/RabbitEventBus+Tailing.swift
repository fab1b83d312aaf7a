// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import NIOCore

extension RabbitEventBus {
    private static let tailPrefetch: UInt16 = 1000
    /// What a slow reader makes the broker keep, in bytes.
    private static let tailBytes: Int64 = 64 * 1024 * 1024

    /// Passes on copies of what is published from now on, and takes nothing from any subscription.
    ///
    /// Waits until the bus runs. The copies come through a queue of this connection alone (`eventbus.tail.` and an id), which the broker
    /// deletes with it. If they are read too slowly, the broker drops the oldest when they take 64 MiB. The user needs the rights to
    /// configure, write and read such queues, and to read `events`.
    ///
    /// - Parameters:
    ///   - patterns: which topics.
    ///   - onOpen: called once everything that is published will be passed on.
    ///   - body: takes the next messages in order; returns whether to go on.
    /// - Throws: what `body` throws; `BusError` with code `unavailable` or `connectionLost` when the broker cannot be reached or does
    ///   not allow it; `CancellationError`.
    public func tail(
        _ patterns: [TopicPattern],
        onOpen: () -> Void = {},
        _ body: ([Message]) async throws -> Bool
    ) async throws {
        try await self.withConnection("tail") { connection in
            try await connection.declare([.exchange])
            let channel = try await connection.openChannel()
            let queue = "eventbus.tail.\(Stamp.next().id)"
            let arguments: Topology.Arguments = [
                ("x-max-length-bytes", .int(Self.tailBytes)), ("x-overflow", .string("drop-head")),
            ]
            try await connection.call(.exclusiveQueueDeclare(name: queue, arguments: arguments), on: channel)
            for pattern in patterns {
                let bind = ClientMethod.queueBind(queue: queue, exchange: Topology.exchange, routingKey: pattern.text)
                try await connection.call(bind, on: channel)
            }
            let eventLoop = connection.eventLoop
            let session = try await connection.onLoop { _ in
                NIOLoopBound(MoveSession(channel.value, eventLoop), eventLoop: eventLoop)
            }
            try await connection.call(.basicQos(prefetch: Self.tailPrefetch), on: channel)
            try await connection.call(.basicConsume(queue: queue, consumerTag: "tail"), on: channel)
            onOpen()
            while true {
                let arrivals = try await connection.untilCancelled {
                    try await eventLoop.flatSubmit { session.value.next(within: .minutes(1)) }.get()
                }
                guard let last = arrivals.last else { continue }
                guard try await body(arrivals.map { ReceivedMessage($0).message() }) else { return }
                try await connection.onLoop { handler in
                    handler.send(.basicAck(tag: last.tag, multiple: true), on: channel.value.number)
                    handler.flush()
                }
            }
        }
    }
}
