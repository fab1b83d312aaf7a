// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import Logging
public import NIOCore
public import NIOPosix
public import ServiceLifecycle
import Synchronization

/// An event bus on RabbitMQ, with a topic exchange, quorum queues, publisher confirms and manual acknowledgements.
///
/// ```swift
/// let bus = RabbitEventBus(try RabbitConfiguration(url: "amqp://localhost"))
/// try await ServiceGroup(services: [bus, consumer], logger: logger).run()
/// ```
///
/// Calls that are made before the bus runs wait until it does. While the broker is unreachable, publishing fails at once with
/// `.notSent`. Each open subscription has a connection of its own, so that a broken queue cannot affect other subscriptions.
///
/// A producer in another language may send only a body and a routing key. A missing `message_id` is replaced by `sha256-` and
/// the hexadecimal SHA-256 of routing key, a zero byte and body, so that a redelivery is recognized; a missing type by the
/// routing key; a missing time by the beginning of 1970.
public final class RabbitEventBus: EventBus, Service {
    let configuration: RabbitConfiguration
    let eventLoop: any EventLoop
    let logger: Logger
    let status = BusStatus()
    let hosts = HostWatch()
    let probes: NIOLoopBoundBox<[RabbitConfiguration.Host: ClusterProbe]>
    private let openings = Mutex(OpeningRetry())
    let events = PublishQueue()
    let copies = PublishQueue()

    /// Creates a bus, which connects when ``run()`` is called.
    ///
    /// - Parameters:
    ///   - configuration: where the broker is.
    ///   - eventLoopGroup: one of its event loops does all input and output of the bus.
    ///   - logger: logs connections that are lost and copies that are not confirmed.
    public init(
        _ configuration: RabbitConfiguration,
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger = .current
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoopGroup.next()
        self.executor = EventLoopExecutor(self.eventLoop)
        self.probes = .makeBoxSendingValue([:], eventLoop: self.eventLoop)
        var logger = logger
        logger[metadataKey: LogKey.address] = "\(configuration)"
        self.logger = logger
    }

    /// The thread of the bus's event loop, for tasks that do little more than publish and take deliveries.
    ///
    /// A task that prefers it (`withTaskExecutorPreference`) gets its answers without a change of threads, which saves a third of
    /// the processor time when every message is awaited. Such a task must not block, compute for long or repeat a failed publish
    /// without a pause: while it runs, the bus can neither send nor receive nor connect. The event loop group has to outlive it.
    public let executor: any TaskExecutor

    /// Whether messages can be published and, if not, why and since when.
    public var health: Health { self.status.health }

    /// Keeps the publishing connection alive until graceful shutdown or cancellation, then waits for open confirms and closes it.
    ///
    /// A lost connection is replaced after a pause of up to 2 s, or of up to 30 s when the broker refuses the login. A second call is a programming error and traps.
    ///
    /// - Throws: `CancellationError`.
    public func run() async throws {
        let isFirst = self.status.start()
        require(
            isFirst,
            "run() of a RabbitEventBus was called twice, must be called once: create a new bus instead"
        )
        defer {
            self.status.change(to: .ended)
            self.detach(.shutDown)
        }
        try await withGracefulShutdown({ .cancel }, self.keepConnected)
    }

    /// Publishes with confirms; see `EventBus.publish(_:)`.
    ///
    /// Waits until the bus runs. From then on every outcome is known within ``RabbitConfiguration/confirmTimeout``, even while the
    /// broker accepts no messages; the time of a message that is sent begins when its last byte has left. Once the broker has refused
    /// a body as too large, larger ones are refused at once, as long as the connection lasts.
    public func publish(_ messages: [Message]) async -> [PublishOutcome] {
        var outgoing: [Outgoing] = []
        outgoing.reserveCapacity(messages.count)
        var invalid: [Int: BusError] = [:]
        for (index, message) in messages.enumerated() {
            do throws(BusError) {
                try message.validate()
                outgoing.append(.event(message))
            } catch {
                invalid[index] = error
            }
        }
        var outcomes: [PublishOutcome] = []
        if !outgoing.isEmpty {
            if self.status.isIdle { self.logger.warning("Messages wait until the bus runs") }
            outcomes = await self.send(outgoing, through: self.events)
        }
        guard !invalid.isEmpty else { return outcomes }
        var sent = outcomes.makeIterator()
        return messages.indices.map { index in invalid[index].map { .notSent($0) } ?? sent.next() ?? .unknown }
    }

    /// Opens a subscription; see `EventBus.withDeliveries(to:_:)`.
    ///
    /// Waits until the bus runs.
    public func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        while true {
            var isOpen = false
            func run(_ deliveries: any Deliveries) async throws {
                isOpen = true
                self.openings.withLock { $0.ended(subscription.name) }
                try await body(deliveries)
            }
            do {
                return try await self.withConnection("\(subscription.name)") { connection in
                    try await self.prepare(connection)
                    try await connection.declare(Declaration.all(for: subscription))
                    let keeper = TopologyKeeper(
                        subscription: subscription,
                        connection: connection,
                        requests: try await self.probe(subscription, on: connection),
                        status: self.status,
                        logger: self.logger(for: subscription.name)
                    )
                    async let _ = keeper.run(every: self.configuration.repairInterval)
                    try await subscription.shards > 1
                        ? self.deliverShards(of: subscription, on: connection, run)
                        : self.deliver(subscription, on: connection, run)
                }
            } catch {
                // At random, so that consumers do not come all at once.
                guard !isOpen,
                    let pause = self.openings.withLock({ $0.next(after: error, of: subscription.name) }),
                    try await OpeningRetry.goesOn(after: pause * Double.random(in: 0.5...1.5))
                else { throw error }
            }
        }
    }
}

// MARK: - Connections

extension RabbitEventBus {
    /// Opens a connection of its own for the length of `body`.
    ///
    /// - Parameter purpose: part of the connection's name.
    func withConnection<Value>(
        _ purpose: String,
        _ body: (RabbitConnection) async throws -> Value
    ) async throws -> Value {
        if self.status.isIdle {
            self.logger.warning("A call waits until the bus runs", metadata: [LogKey.purpose: "\(purpose)"])
        }
        try await self.status.untilStarted()
        let connection = try await self.connect(purpose)
        let result = await Result { try await body(connection) }
        await connection.close()
        do {
            return try result.get()
        } catch let failure as ConnectionFailure {
            // Which request failed matters less than the loss of the connection.
            throw failure.busError(.connectionLost)
        }
    }

    /// Makes what is asked on a new connection fail soon if another host could be tried instead.
    func prepare(_ connection: RabbitConnection) async throws {
        guard self.configuration.hosts.count > 1 else { return }
        try await connection.onLoop { $0.replyPause = ReplyPatience.pauseAmongHosts }
    }

    /// Opens a connection.
    ///
    /// - Parameter purpose: part of the connection's name.
    func connect(_ purpose: String) async throws -> RabbitConnection {
        do {
            return try await RabbitConnection.open(
                self.configuration,
                name: "\(self.configuration.connectionName)/\(purpose)",
                on: self.eventLoop,
                among: self.hosts
            )
        } catch let failure as ConnectionFailure {
            throw failure.busError(.unavailable)
        }
    }
}

// MARK: - Consuming

extension RabbitEventBus {
    /// Runs `body` with the deliveries of a queue on a connection of its own.
    func deliver(
        _ subscription: Subscription,
        on connection: RabbitConnection,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        let (deliveries, session) = try await self.consume(subscription, on: connection)
        let result = await Result { try await body(deliveries) }
        // Verdicts that were given before the end of the scope are carried out, however it ends.
        try? await connection.eventLoop.flatSubmit { session.value.finish() }.get()
        try result.get()
    }

    func logger(for subscription: SubscriptionName) -> Logger {
        var logger = self.logger
        logger[metadataKey: LogKey.subscription] = "\(subscription)"
        return logger
    }

    private func consume(
        _ subscription: Subscription,
        on connection: RabbitConnection
    ) async throws -> (RabbitDeliveries, NIOLoopBound<ConsumeSession>) {
        let channel = try await connection.openChannel()
        // A `Subscription` allows at most 2,000.
        try await connection.call(.basicQos(prefetch: UInt16(subscription.prefetch)), on: channel)
        // Asked before deliveries can stand before the answer.
        var hasQuarantined = false
        if subscription.ordering == .none {
            let quarantine = Topology.quarantine(subscription.name)
            let count = ClientMethod.queueDeclare(name: quarantine, passive: true, arguments: [])
            if case .method(.queueDeclareOk(let messages, _)) = try await connection.call(count, on: channel) {
                hasQuarantined = messages > 0
            }
        }
        let scope = self.status.nextScope()
        let deliveries = RabbitDeliveries(generation: scope, subscription.ordering, executor: self.executor)
        let logger = self.logger(for: subscription.name)
        let timeout = TimeAmount(self.configuration.confirmTimeout)
        let settling = TimeAmount(self.configuration.queueSettling)
        let pace = self.configuration.hosts.count > 1 ? QueueWatch.Pace.cluster : .alone
        let session = try await connection.onLoop { [copies, status, logger, hasQuarantined] handler in
            let retries = RetryCopies(subscription, connection.eventLoop, settling: settling, logger) { delay in
                connection.eventLoop.makeFutureWithTask {
                    await self.declareRetryQueue(of: subscription.name, delay)
                }
            } onTrouble: {
                status.note($0, scope: scope)
            }
            let sender = CopySender(copies, connection.eventLoop, logger, retries) { delay in
                status.note(delay, of: subscription.name, scope: scope)
            }
            let session = NIOLoopBound(
                ConsumeSession(
                    subscription,
                    hasQuarantined: hasQuarantined,
                    deliveries,
                    sender,
                    channel.value,
                    handler,
                    pace,
                    status,
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
        let consume = ClientMethod.basicConsume(queue: queue, consumerTag: ConsumeSession.consumerTag)
        try await connection.call(consume, on: channel)
        try await connection.onLoop { handler in
            handler.replyPause = ReplyPatience.pause
            session.value.started()
        }
        return (deliveries, session)
    }
}
