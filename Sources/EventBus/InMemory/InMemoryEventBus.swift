// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// A bus within the process, for tests and for programs that need no broker.
///
/// It is not a mock: routing, redelivery, delayed retries, dead letters, prefetch and order work as in the RabbitMQ adapter, and
/// both pass the same conformance suite. However, its messages are lost when the process ends.
public final class InMemoryEventBus: EventBus {
    private struct State: Sendable {
        /// Also those that have been removed, since publishers in line know them by place.
        var queues: [InMemoryQueue] = []
        var places: [SubscriptionName: Int] = [:]
        var router = TopicRouter<Int>()
        var line = WaitingPublishers()
        /// The signals of the publishers in `line`, by id.
        var waiting: [UInt64: Signal] = [:]
        var lastConsumer: UInt64 = 0

        /// The subscriptions that exist, in the order in which they were first opened.
        var existing: [(place: Int, queue: InMemoryQueue)] {
            self.places.values.sorted().map { ($0, self.queues[$0]) }
        }

        /// Stores what there is room for, unless earlier publishers are waiting; the rest has to wait in line.
        mutating func store(_ publishing: inout Publishing) {
            while let run = publishing.nextRun(targets: { self.router.targets(of: $0) }) {
                let hasRoom =
                    self.line.isEmpty && publishing.rest.isEmpty
                    && run.targets.allSatisfy { publishing.admitted.contains($0) || self.queues[$0].askForRoom() }
                guard hasRoom else {
                    publishing.leaveForLater(run)
                    continue
                }
                for target in run.targets { publishing.signals += self.queues[target].add(run.messages) }
                publishing.admitted = run.targets
            }
        }

        /// Stores what there is room for; returns the signals to raise.
        mutating func advance() -> [Signal] {
            var signals: [Signal] = []
            let queues = self.queues
            let done = self.line.advance(
                hasRoom: { queues[$0].askForRoom() },
                store: { signals += queues[$0].add($1[...]) }
            )
            return signals + done.compactMap { self.waiting.removeValue(forKey: $0) }
        }
    }

    /// How long a publisher waits for room: as long as the RabbitMQ adapter waits for a confirm by default.
    static let patience = Duration.seconds(30)

    private let state = Mutex(State())
    let clock: RelativeClock
    private let capacity: Int
    private let choice: QueueState.Choice?

    /// Creates an empty bus.
    ///
    /// - Parameters:
    ///   - clock: Determines when delayed retries are due and how long a publisher waits for room.
    ///   - capacity: How many messages a subscription or a shard of it can hold, at least 1, not counting dead letters. While it is
    ///     full, publishers wait in line; after 30 seconds the outcome is ``PublishOutcome/notSent(_:)``. One call can exceed it.
    public convenience init(clock: some Clock<Duration> = ContinuousClock(), capacity: Int = 100_000) {
        self.init(clock: clock, capacity: capacity, choosing: nil)
    }

    /// Creates an empty bus on which the caller decides which consumer gets a message.
    ///
    /// - Parameters:
    ///   - clock: Determines when delayed retries are due.
    ///   - capacity: How many messages a subscription can hold.
    ///   - choosing: Receives the consumers with room, starting with the one whose turn it is, and returns the index of the one
    ///     that gets the message. An index out of range selects the first.
    package init(
        clock: some Clock<Duration>,
        capacity: Int = 100_000,
        choosing: (@Sendable (_ consumers: [UInt64], _ message: Message) -> Int)?
    ) {
        self.clock = RelativeClock(clock)
        require(capacity >= 1, "capacity is \(capacity), must be at least 1")
        self.capacity = capacity
        self.choice = choosing
    }

    /// Opens a subscription; see ``EventBus/withDeliveries(to:_:)``.
    public func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        guard subscription.shards == 1 else {
            return try await self.withShards(
                of: subscription,
                open: { try await self.withDeliveries(to: $0, $1) },
                body
            )
        }
        try Task.checkCancellation()
        let deliveries = try self.attach(subscription)
        defer { deliveries.detach() }
        try await body(deliveries)
    }

    func attach(_ subscription: Subscription) throws(BusError) -> InMemoryDeliveries {
        while true {
            let (queue, consumer) = try self.declare(subscription)
            // Between the two it may have been removed.
            if let deliveries = queue.attach(consumer, subscription) { return deliveries }
        }
    }

    /// The contents of all subscriptions, in the order in which they were first opened.
    package func report() -> [InMemoryReport] {
        self.state.withLock { state in
            state.existing.map { place, queue in
                InMemoryReport(queue.name, queue.state, suspendedPublishers: state.line.count(for: place))
            }
        }
    }

    /// Whether no subscription holds messages other than dead letters and no publisher waits for room.
    package var isIdle: Bool {
        self.state.withLock { state in state.line.isEmpty && state.existing.allSatisfy(\.queue.isIdle) }
    }

    /// The contents of a subscription; `nil` if there is none with that name.
    package func report(of subscription: SubscriptionName) -> InMemoryReport? {
        self.report().first { $0.name == subscription }
    }

    private func declare(_ subscription: Subscription) throws(BusError) -> (InMemoryQueue, UInt64) {
        try self.state.withLock { state throws(BusError) in
            let known = state.places[subscription.name].map { state.queues[$0] }
            if let known { try self.check(known, against: subscription) }
            let isShard = subscription.name.isShard
            if isShard, known == nil { throw BusError(.connectionLost, "\(subscription.name) has been removed") }
            let queue = known ?? self.add(subscription, to: &state)
            let place = state.places[subscription.name] ?? 0
            // What the patterns of a sharded subscription match reaches its shards through it.
            if !isShard { for pattern in subscription.patterns { state.router.bind(place, to: pattern) } }
            state.lastConsumer += 1
            return (queue, state.lastConsumer)
        }
    }

    private func add(_ subscription: Subscription, to state: inout State) -> InMemoryQueue {
        let numbers = subscription.shards > 1 ? 0..<subscription.shards : 0..<0
        let shards = numbers.map { self.add(subscription.shard($0), to: &state) }
        let (name, base) = (subscription.name, subscription.name.base)
        let bury: @Sendable ([DeadLetter]) -> Void = { [weak self] in self?.bury($0, in: base) }
        let queue = InMemoryQueue(
            name,
            QueueState(ordering: subscription.ordering, capacity: self.capacity, choice: self.choice),
            shards: shards,
            clock: self.clock,
            onRoom: { [weak self] in self?.advance() },
            onDead: base == name ? nil : bury
        )
        state.places[name] = state.queues.count
        state.queues.append(queue)
        return queue
    }

    /// Keeps the dead letters of a shard.
    private func bury(_ letters: [DeadLetter], in subscription: SubscriptionName) {
        try? self.queue(of: subscription).change { $0.bury(letters) }
    }
}

// MARK: - Publishing

extension InMemoryEventBus {
    /// Routes messages to the subscriptions that match them; see ``EventBus/publish(_:)``.
    ///
    /// Waits while one of these subscriptions is full.
    public func publish(_ messages: [Message]) async -> [PublishOutcome] {
        let (publishing, place) = self.state.withLock { state -> (Publishing, (id: UInt64, signal: Signal)?) in
            var publishing = Publishing(messages)
            state.store(&publishing)
            guard !publishing.rest.isEmpty else { return (publishing, nil) }
            let (id, signal) = (state.line.join(publishing.rest), Signal())
            state.waiting[id] = signal
            publishing.signals += state.advance()
            return (publishing, state.waiting[id] == nil ? nil : (id, signal))
        }
        for signal in publishing.signals { signal.raise() }
        guard let place else { return publishing.outcomes }
        await place.signal.wait(until: self.clock.now() + Self.patience, on: self.clock)
        var outcomes = publishing.outcomes
        for (index, error) in self.leave(place.id) { outcomes[index] = .notSent(error) }
        return outcomes
    }

    /// Removes a publisher from the line; returns the errors of its messages that have not been stored.
    private func leave(_ id: UInt64) -> [(place: Int, error: BusError)] {
        let wasCancelled = Task.isCancelled
        let (signals, left) = self.state.withLock { state -> ([Signal], [(Int, BusError)]) in
            let left = state.line.leave(id).map { item -> (Int, BusError) in
                let names = item.targets.map { "\(state.queues[$0].name)" }.joined(separator: ", ")
                return (item.place, Self.error(waitingFor: names, wasCancelled))
            }
            state.waiting[id] = nil
            // Publishers behind it may have been waiting only because of it.
            return (left.isEmpty ? [] : state.advance(), left)
        }
        for signal in signals { signal.raise() }
        return left
    }

    private static func error(waitingFor names: String, _ wasCancelled: Bool) -> BusError {
        wasCancelled
            ? BusError(.unavailable, "publishing was cancelled", cause: CancellationError())
            : BusError(.unavailable, "subscription \(names): no room within \(Self.patience)")
    }

    private func advance() {
        let signals = self.state.withLock { $0.advance() }
        for signal in signals { signal.raise() }
    }
}

// MARK: - Dead letters

extension InMemoryEventBus {
    /// Lists the dead letters of a subscription; see ``EventBus/deadLetters(of:limit:)``.
    public func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        try Task.checkCancellation()
        return try self.queue(of: subscription).state.oldestDeadLetters(limit).map(\.letter)
    }

    /// Redrives dead letters; see ``EventBus/redrive(_:limit:where:)``.
    ///
    /// A redrive does not wait for room: it works even while the subscription is full.
    public func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try Task.checkCancellation()
        return try self.queue(of: subscription).redrive(limit: limit, where: isWanted)
    }

    /// Goes through dead letters in batches; see ``EventBus/settleDeadLetters(of:limit:batch:_:)``.
    ///
    /// It does not wait for room.
    public func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        try Task.checkCancellation()
        return try await self.queue(of: subscription).settleDeadLetters(limit: limit, batch: batch, decide)
    }

    /// Redrives dead letters without removing them, as when a process crashes in the middle of a redrive.
    package func copyDeadLetters(of subscription: SubscriptionName, limit: Int) throws {
        try self.queue(of: subscription).change { $0.copyDeadLetters(limit) }
    }

    private func queue(of subscription: SubscriptionName) throws(BusError) -> InMemoryQueue {
        let queue = self.state.withLock { state in state.places[subscription].map { state.queues[$0] } }
        guard let queue else { throw Self.unknown(subscription) }
        return queue
    }

    private static func unknown(_ subscription: SubscriptionName) -> BusError {
        BusError(.unknownSubscription, "there is no subscription named \(subscription)")
    }
}

// MARK: - Changing subscriptions

extension InMemoryEventBus {
    /// Takes patterns away from a subscription; see ``EventBus/unbind(_:from:)``.
    public func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws {
        try Task.checkCancellation()
        try self.state.withLock { state throws(BusError) in
            guard let place = state.places[subscription] else { throw Self.unknown(subscription) }
            for pattern in patterns { state.router.unbind(place, from: pattern) }
        }
    }

    /// Moves what waits in a subscription to another one; see ``EventBus/move(_:to:)``.
    ///
    /// It does not wait for room.
    @discardableResult
    public func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int {
        try Task.checkCancellation()
        try subscription.checkMove(to: other)
        let (source, target) = (try self.queue(of: subscription), try self.queue(of: other))
        guard let waiting = source.takeWaiting() else {
            throw BusError(.subscriptionInUse, "ordered subscription \(subscription) has open consumers")
        }
        target.change { $0.add(waiting) }
        return waiting.count
    }

    /// Removes an empty subscription that nobody uses; see ``EventBus/remove(_:)``.
    public func remove(_ subscription: SubscriptionName) async throws {
        try Task.checkCancellation()
        try self.state.withLock { state throws(BusError) in
            guard let place = state.places[subscription] else { throw Self.unknown(subscription) }
            try state.queues[place].remove()
            for shard in state.queues[place].shards { state.places[shard.name] = nil }
            state.places[subscription] = nil
            state.router.unbindAll(of: place)
        }
    }
}
