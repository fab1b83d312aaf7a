// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import NIOCore

/// A dead-letter queue that one task looks through from its front.
///
/// What it has got is held until it is removed or the queue is closed. Consumers get it, each a longer piece: what `basic.get`
/// has fetched goes back in the order of its tags as texts, where 10 stands before 2, and in no order above 32 messages, since
/// a quorum queue takes each fetch for a consumer of its own (RabbitMQ 3.10). Few consumers with tags that sort keep the order.
final class DeadLetterQueue {
    private let name: String
    private let connection: RabbitConnection
    private let channel: NIOLoopBound<AMQPChannel>
    private let arrivals: NIOLoopBound<Arrivals>
    /// How many to get if nobody asks for more.
    private let limit: Int
    private var fetched: Deque<IncomingMessage> = []
    private var pieces = 0
    private var total = 0
    private var held = 0
    /// Whether the next message may be one that has been given back before.
    private var mayBeReturned = true

    init(of subscription: SubscriptionName, limit: Int, on connection: RabbitConnection) async throws {
        self.name = Topology.dead(subscription)
        self.limit = limit
        self.connection = connection
        let channel = try await connection.openChannel()
        self.channel = channel
        self.arrivals = try await connection.onLoop { _ in
            let arrivals = Arrivals()
            channel.value.delegate = arrivals
            return NIOLoopBound(arrivals, eventLoop: connection.eventLoop)
        }
    }

    /// The next message; `nil` at the end.
    func next() async throws -> IncomingMessage? {
        try Task.checkCancellation()
        if self.fetched.isEmpty { try await self.fetch(self.limit - self.total) }
        return self.fetched.popFirst()
    }

    /// Gets a piece of at most `limit` messages.
    ///
    /// - Returns: whether there was any.
    @discardableResult
    private func fetch(_ limit: Int) async throws -> Bool {
        let waiting = try await self.count(on: self.channel)
        // Half of the tags that keep their order are enough for all that a queue can hold.
        let length = min(waiting, limit, 16 << min(self.pieces, 11))
        guard length > 0, self.pieces < 32 else { return false }
        self.pieces += 1
        try await self.connection.call(.basicQos(prefetch: UInt16(clamping: length)), on: self.channel)
        let tag = "piece \(self.pieces + 10)"
        try await self.connection.call(.basicConsume(queue: self.name, consumerTag: tag), on: self.channel)
        let (arrivals, eventLoop) = (self.arrivals, self.connection.eventLoop)
        // Somebody else may have taken some of them.
        let piece = try await eventLoop.flatSubmit {
            arrivals.value.wait(for: length, within: .seconds(2), on: eventLoop)
        }.get()
        self.fetched += piece
        self.total += piece.count
        self.held += piece.count
        self.mayBeReturned = piece.last?.redelivered == true
        return !piece.isEmpty
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
        while self.mayBeReturned { guard try await self.fetch(.max) else { break } }
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

/// What has been delivered and not yet been asked for.
///
/// Confined to the event loop.
private final class Arrivals: ChannelDelegate {
    private var messages: [IncomingMessage] = []
    private var waiter: (count: Int, promise: EventLoopPromise<[IncomingMessage]>)?
    private var failure: ConnectionFailure?

    /// So many messages, or those that have come when the time is over.
    func wait(for count: Int, within limit: TimeAmount, on eventLoop: any EventLoop) -> EventLoopFuture<[IncomingMessage]> {
        let promise = eventLoop.makePromise(of: [IncomingMessage].self)
        self.waiter = (count, promise)
        let deadline = eventLoop.assumeIsolated().scheduleTask(in: limit) { self.answer() }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        self.readCompleted()
        return promise.futureResult
    }

    private func answer() {
        guard let promise = self.waiter?.promise else { return }
        self.waiter = nil
        defer { self.messages = [] }
        if let failure = self.failure { promise.fail(failure) } else { promise.succeed(self.messages) }
    }

    func received(_ method: ServerMethod) {}

    func received(_ content: ContentAssembler.Content) {
        if let message = IncomingMessage(content) { self.messages.append(message) }
    }

    func readCompleted() {
        if let count = self.waiter?.count, self.messages.count >= count || self.failure != nil { self.answer() }
    }

    func writabilityChanged() {}

    func blockedChanged(_ isBlocked: Bool) {}

    func closed(_ failure: ConnectionFailure) {
        self.failure = failure
        self.answer()
    }
}
