// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import Logging
public import ServiceLifecycle

/// Handles the events of one durable subscription, with typed handlers, retries, dead letters, a time limit and a drain at shutdown.
///
/// ```swift
/// let mailer = EventConsumer("mailer.welcome", on: bus) {
///     On(UserCreated.self) { event in try await mail.welcome(event.email) }
/// }
/// try await mailer.run()  // or as a service of a ServiceGroup
/// ```
///
/// A handler that returns has handled the event. One that throws is called again after the delays of the ``RetryPolicy``;
/// after the last attempt the message becomes a dead letter. A message that no handler can decode becomes a dead letter at once.
/// For topics without a handler and for newer versions, see ``UnknownEvents``.
///
/// At most ``RetryPolicy/attempts`` attempts are made, including those during which the process died. A consumer with a store counts
/// each start of an event before it happens; one that has come back without a verdict may be started three times even if the policy
/// allows fewer attempts. Without a store, an attempt that ended with the process is known only by the message's return, and the first
/// two returns do not prove a start: they use up no attempt, and each further return uses up one. On an ordered subscription without a
/// store no return proves a start, so a message that always crashes its process is delivered until somebody removes it.
public struct EventConsumer: Service {
    private let name: SubscriptionName
    private let bus: any EventBus
    private let options: ConsumerOptions
    private let processor: any DeliveryProcessor
    private let clock: RelativeClock
    private let logger: Logger
    private let status = ConsumerStatus()

    /// Creates a consumer with plain handlers.
    ///
    /// Options out of range, no handler, or two handlers for one topic are programming errors.
    ///
    /// - Parameters:
    ///   - name: the subscription; consumers of one name share its messages.
    ///   - bus: where the events come from.
    ///   - options: order, prefetch, concurrency, retries, time limit.
    ///   - clock: measures time limits and delays.
    ///   - logger: gets a line for each retry and each dead letter.
    ///   - handlers: one `On` per event type.
    public init(
        _ name: SubscriptionName,
        on bus: any EventBus,
        options: ConsumerOptions = ConsumerOptions(),
        clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger = .current,
        @OnBuilder<Void> _ handlers: () -> [On<Void>]
    ) {
        let processor = PlainProcessor(handlers: HandlerTable(handlers(), of: name))
        self.init(name, on: bus, options: options, processor: processor, clock: clock, logger: logger)
    }

    package init(
        _ name: SubscriptionName,
        on bus: any EventBus,
        options: ConsumerOptions,
        processor: any DeliveryProcessor,
        clock: any Clock<Duration>,
        logger: Logger
    ) {
        let problem = options.problem
        require(problem == nil, "consumer \(name): \(problem ?? "")")
        require(!processor.topics.isEmpty, "consumer \(name) has no handler, must have at least one")
        self.name = name
        self.bus = bus
        self.options = options
        self.processor = processor
        self.clock = RelativeClock(clock)
        self.logger = logger
    }

    /// Whether the consumer makes progress and, if not, why.
    ///
    /// A consumer is not ready while it is not consuming, while handlers run past their time limit, while it holds its deliveries
    /// because its store is in trouble, while one event of an ordered subscription that waits for its next attempt fills the prefetch in number or bytes, and when it has had deliveries for longer than the time limit and 30 s without settling one.
    /// An event that fills the part of one shard is a note, since the other shards go on.
    /// The last of these is measured between calls of this property, so ask regularly, as a health check does.
    public var health: Health { self.status.health(of: self.name, self.options, now: self.clock.now()) }

    /// Returns once the subscription has been opened, so that events published from now on are kept for it.
    ///
    /// - Throws: ``BusError`` with code `closed` when ``run()`` has ended; `CancellationError`.
    public func untilConsuming() async throws {
        guard try await self.status.untilOpened() else {
            throw BusError(.closed, "consumer \(self.name) has ended")
        }
    }

    /// Consumes until graceful shutdown or cancellation; an interrupted subscription is opened again.
    ///
    /// At graceful shutdown the handlers that run finish, and no other is started: the events that were taken and not started go
    /// back at once and count as never delivered. Those of an ordered subscription go back in order, when the running handlers
    /// have finished, with shards those of their shard. On cancellation everything unsettled goes back.
    ///
    /// May be called once; a second call is a programming error.
    ///
    /// - Throws: ``BusError`` with code `topologyMismatch` when the subscription exists with another ordering, another
    ///   number of shards or other arguments; `CancellationError`.
    public func run() async throws {
        let isFirst = self.status.start()
        require(isFirst, "consumer \(self.name) runs already or has run; create another one")
        defer { self.status.end() }
        let subscription = try Subscription(
            self.name,
            patterns: self.processor.topics.map(TopicPattern.init),
            prefetch: self.options.prefetch,
            prefetchBytes: self.options.prefetchBytes,
            ordering: self.options.ordering,
            shards: self.options.shards,
            retryDelays: self.options.retryDelays
        )
        try await withGracefulShutdown(self.status.shutDown) {
            try await self.consume(subscription)
        }
    }

    private func consume(_ subscription: Subscription) async throws {
        let removed = self.processor.removedTopics.map(TopicPattern.init)
        var pause = ReopeningPause()
        while !self.status.isShuttingDown {
            var opened: Duration?
            do {
                try await self.bus.withDeliveries(to: subscription) { deliveries in
                    if !removed.isEmpty { try await self.bus.unbind(removed, from: self.name) }
                    let backlog = Backlog(ordering: subscription.ordering)
                    let limits = (0..<self.options.concurrency).map { _ in
                        WorkLimit(self.options.timeLimit, on: self.clock)
                    }
                    guard self.status.open(deliveries, backlog, limits) else { return }
                    opened = self.clock.now()
                    let scope = ConsumerScope(
                        name: self.name,
                        deliveries: deliveries,
                        backlog: backlog,
                        processor: self.processor,
                        options: self.options,
                        clock: self.clock,
                        limits: limits,
                        status: self.status,
                        logger: self.logger
                    )
                    try await scope.run()
                }
            } catch let error as BusError where error.code == .topologyMismatch {
                // Opening it again would change nothing; a person has to decide.
                throw error
            } catch {
                try Task.checkCancellation()
                self.status.interrupt((error as? BusError)?.description ?? "\(type(of: error))")
                self.logger.info(
                    "The subscription was interrupted; it will be opened again",
                    error: error,
                    metadata: [LogKey.subscription: "\(self.name)"]
                )
            }
            guard !self.status.isShuttingDown else { return }
            let now = self.clock.now()
            try await self.clock.sleep(now + pause.next(openFor: opened.map { now - $0 }))
        }
    }
}

extension EventConsumer: CustomStringConvertible {
    /// The subscription, as a service group's logs name it.
    public var description: String { "consumer \(self.name)" }
}
