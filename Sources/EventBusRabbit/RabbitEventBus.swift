// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import Logging
import NIOConcurrencyHelpers
public import NIOCore
public import NIOPosix
public import ServiceLifecycle

/// The event bus on RabbitMQ: a topic exchange, quorum queues, publisher confirms, manual acknowledgements.
///
/// ```swift
/// let bus = RabbitEventBus(try RabbitConfiguration(url: "amqp://localhost"))
/// try await ServiceGroup(services: [bus, consumer], logger: logger).run()
/// ```
///
/// The bus has to run before it does anything: what is called earlier waits. While the broker is away messages are not sent
/// and said so at once. Each open subscription has a connection of its own, so that one whose queue is broken cannot disturb
/// the others.
///
/// A producer in another language may send only a body and a routing key. A missing `message_id` is replaced by `sha256-` and
/// the hexadecimal SHA-256 of routing key, a zero byte and body, so that a redelivery is recognised; a missing type by the
/// routing key; a missing time by the beginning of 1970.
public final class RabbitEventBus: EventBus, Service {
    private let configuration: RabbitConfiguration
    private let eventLoop: any EventLoop
    let logger: Logger
    let status = BusStatus()
    private let events = PublishQueue()
    let copies = PublishQueue()

    /// Makes a bus; nothing is connected before ``run()``.
    ///
    /// - Parameters:
    ///   - configuration: where the broker is.
    ///   - eventLoopGroup: one of its event loops does all input and output of the bus.
    ///   - logger: where reconnects are told.
    public init(
        _ configuration: RabbitConfiguration,
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger = .current
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoopGroup.next()
        self.executor = EventLoopExecutor(self.eventLoop)
        var logger = logger
        logger[metadataKey: "rabbit.address"] = "\(configuration)"
        self.logger = logger
    }

    /// The thread on which the bus works, for tasks that do little else than publish and take deliveries.
    ///
    /// A task that prefers it (`withTaskExecutorPreference`) waits for answers without a change of threads, which saves a
    /// third of the processor time where each message is awaited. It must never block, compute for long or be ready all the
    /// time, as one that repeats a failed publish without a pause: while it runs, nothing is sent, nothing received and no
    /// connection made. The event loop group has to outlive it.
    public let executor: any TaskExecutor

    /// Whether messages can be published, and what keeps them from it.
    public var health: Health { self.status.health }

    /// Keeps the publishing connection alive until graceful shutdown or cancellation, then closes it in good order.
    ///
    /// Lost connections are replaced after pauses of up to 30 s.
    ///
    /// - Throws: ``EventBus/BusError`` with code `closed` when it is called a second time.
    public func run() async throws {
        guard self.status.start() else {
            throw BusError(.closed, "RabbitMQ: the bus runs already or has been shut down")
        }
        defer {
            self.status.change(to: .ended)
            let error = BusError(.closed, "RabbitMQ: the bus has been shut down")
            self.events.detach(error)
            self.copies.detach(error)
        }
        try await withGracefulShutdown({ .cancel }, self.keepConnected)
    }

    /// Publishes with confirms; see ``EventBus/EventBus/publish(_:)``.
    ///
    /// Waits until the bus runs; then an outcome comes within the configuration's confirm time-out, also while the broker takes
    /// no messages.
    public func publish(_ messages: [Message]) async -> [PublishOutcome] {
        var outcomes: [PublishOutcome] = []
        var outgoing: [Outgoing] = []
        var places: [Int] = []
        outcomes.reserveCapacity(messages.count)
        for (index, message) in messages.enumerated() {
            do throws(BusError) {
                try message.validate()
                outcomes.append(.unknown)
                outgoing.append(.event(message))
                places.append(index)
            } catch {
                outcomes.append(.notSent(error))
            }
        }
        guard !outgoing.isEmpty else { return outcomes }
        if self.status.isIdle { self.logger.warning("Messages wait for the bus to run") }
        let results = await self.send(outgoing, through: self.events)
        for (place, result) in zip(places, results) { outcomes[place] = result }
        return outcomes
    }

    /// Opens a subscription; see ``EventBus/EventBus/withDeliveries(to:_:)``.
    ///
    /// Waits until the bus runs.
    public func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        if self.status.isIdle { self.logger.warning("A subscription waits for the bus to run") }
        try await self.status.untilStarted()
        let connection = try await self.connect("\(subscription.name)")
        do {
            let (deliveries, session) = try await self.consume(subscription, on: connection)
            let result = await Result { try await body(deliveries) }
            // Verdicts that have been given hold, however the scope ends.
            try? await connection.eventLoop.flatSubmit { session.value.finish() }.get()
            try result.get()
        } catch {
            await connection.close()
            // The request that failed last matters less than the loss of the connection.
            if let failure = error as? ConnectionFailure { throw failure.busError(.connectionLost) }
            throw error
        }
        await connection.close()
    }
}

// MARK: - Publishing

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

    /// Takes back what has not been written; what has been will be answered.
    private func cancel(_ id: UInt64, in queue: PublishQueue) {
        queue.cancel(id, BusError(.unavailable, "publishing was cancelled", cause: CancellationError()))
    }

    private func keepConnected() async throws {
        var backoff = Backoff(first: .milliseconds(500), longest: .seconds(30))
        while true {
            let start = ContinuousClock.now
            do {
                try await self.stayConnected()
            } catch {
                try Task.checkCancellation()
                let failure = (error as? BusError) ?? BusError(.unavailable, "RabbitMQ: \(error)", cause: error)
                self.events.detach(failure)
                self.copies.detach(failure)
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
        let control = try await connection.openChannel()
        try await Topology.declareExchange(on: connection, control)
        let status = self.status
        try await connection.onLoop { handler in
            status.change(to: .connected)
            handler.onBlocked = { reason in
                status.change(to: reason.map { .blocked(reason: $0) } ?? .connected)
            }
        }
        var sessions: [NIOLoopBound<PublishSession>] = []
        // A message for the exchange that breaks its channel must not take the copies with it.
        for queue in [self.copies, self.events] {
            let channel = try await connection.openChannel()
            try await connection.call(.confirmSelect, on: channel)
            let timeout = TimeAmount(self.configuration.confirmTimeout)
            let eventLoop = connection.eventLoop
            let session = try await connection.onLoop { handler in
                let session = NIOLoopBound(
                    PublishSession(queue, channel.value, handler, eventLoop, timeout: timeout),
                    eventLoop: eventLoop
                )
                queue.attach { eventLoop.execute { session.value.drain() } }
                return session
            }
            sessions.append(session)
        }
        return sessions
    }

    /// Lets the broker answer for what has been sent.
    private func finish(_ sessions: [NIOLoopBound<PublishSession>], on connection: RabbitConnection) async {
        let error = BusError(.closed, "RabbitMQ: the bus has been shut down")
        self.events.detach(error)
        self.copies.detach(error)
        for session in sessions {
            try? await connection.eventLoop.flatSubmit { session.value.untilIdle(within: .seconds(5)) }.get()
        }
    }

    /// Opens a connection of its own for a purpose, which is part of its name.
    func connect(_ purpose: String) async throws -> RabbitConnection {
        do {
            return try await RabbitConnection.open(
                self.configuration,
                name: "\(self.configuration.connectionName)/\(purpose)",
                on: self.eventLoop
            )
        } catch let failure as ConnectionFailure {
            throw failure.busError(.unavailable)
        }
    }
}

// MARK: - Consuming

extension RabbitEventBus {
    private func consume(
        _ subscription: Subscription,
        on connection: RabbitConnection
    ) async throws -> (RabbitDeliveries, NIOLoopBound<ConsumeSession>) {
        try await Topology.declare(subscription, on: connection)
        let channel = try await connection.openChannel()
        try await connection.call(.basicQos(prefetch: UInt16(clamping: subscription.prefetch)), on: channel)
        let deliveries = RabbitDeliveries(
            generation: self.status.nextScope(),
            prefetch: subscription.prefetch,
            executor: self.executor
        )
        let (configuration, copies, logger) = (self.configuration, self.copies, self.logger)
        let timeout = TimeAmount(configuration.confirmTimeout)
        let session = try await connection.onLoop { handler in
            let session = NIOLoopBound(
                ConsumeSession(
                    subscription,
                    deliveries,
                    copies: copies,
                    channel.value,
                    handler,
                    connection.eventLoop,
                    configuration,
                    logger
                ),
                eventLoop: connection.eventLoop
            )
            deliveries.attach(
                wake: { connection.eventLoop.execute { session.value.woken() } },
                flush: { connection.eventLoop.flatSubmit { session.value.flush(within: timeout) } }
            )
            return session
        }
        let queue = subscription.name.description
        try await connection.call(.basicConsume(queue: queue, consumerTag: "events"), on: channel)
        try await connection.onLoop { _ in session.value.started() }
        return (deliveries, session)
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
