// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import Logging
public import ServiceLifecycle

/// Moves committed events from a store's outbox to a bus, for ever: a row leaves the outbox after the bus has confirmed it.
///
/// It never gives up. While the bus is away events wait; an event that requires a subscriber waits until one is bound, and
/// events of other topics pass it. Any number of relays may run on one outbox, in any number of processes: one works, the
/// others stand by. A crash can publish an event twice, under the same id, never lose it. Events with one ordering key are
/// published in the order in which they were committed.
public struct OutboxRelay: Service {
    private let outbox: any Outbox
    private let bus: any EventBus
    private let batch: Int
    private let clock: RelativeClock
    private let logger: Logger
    private let status = RelayStatus()

    /// Makes a relay.
    ///
    /// - Parameters:
    ///   - store: whose outbox is read.
    ///   - bus: where the events go.
    ///   - batch: how many events are published at a time, at least 1.
    ///   - clock: measures the backoff after failures.
    ///   - logger: where failures are told.
    public init(
        from store: any Store,
        to bus: any EventBus,
        batch: Int = 256,
        clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger = .current
    ) {
        self.outbox = store.outbox
        self.bus = bus
        self.batch = max(1, batch)
        self.clock = RelativeClock(clock)
        self.logger = logger
    }

    /// What keeps events from leaving: the bus, the store, or topics that nobody subscribes to.
    ///
    /// Never a reason to be unready.
    public var health: Health { self.status.health(now: self.clock.now()) }

    /// Relays until graceful shutdown or cancellation.
    ///
    /// At graceful shutdown the batch under way is finished.
    ///
    /// - Throws: `CancellationError`.
    public func run() async throws {
        try await withGracefulShutdown(self.status.shutDown) {
            var backoff = Backoff(first: .milliseconds(100), longest: .seconds(5))
            while !self.status.isShuttingDown {
                do {
                    try await self.outbox.withOwnership { outbox in
                        self.status.becameOwner()
                        backoff.reset()
                        try await self.relay(outbox)
                    }
                } catch {
                    try Task.checkCancellation()
                    self.status.lostStore(
                        (error as? RepositoryError)?.description ?? "\(type(of: error))",
                        now: self.clock.now()
                    )
                    self.logger.info("The outbox cannot be read", error: error)
                }
                guard !self.status.isShuttingDown else { return }
                try await self.clock.sleep(self.clock.now() + backoff.next())
            }
        }
    }

    private func relay(_ outbox: any OwnedOutbox) async throws {
        var holds = RelayHolds()
        var published: [OutboxRow.ID] = []
        while true {
            let level = self.outbox.commitCount
            // Also when cancelled, what the bus has confirmed is removed first: it needs no second publishing.
            let isLast = self.status.isShuttingDown || Task.isCancelled
            let now = self.clock.now()
            let rows = try await outbox.exchange(
                published: published,
                limit: isLast ? 0 : self.batch,
                except: holds.held(now: now)
            )
            guard !isLast else { return try Task.checkCancellation() }
            published = []
            if rows.isEmpty {
                try await self.waitForWork(after: level, until: holds.nextDue(after: now))
                continue
            }
            let outcomes = await self.bus.publish(rows.map(\.message))
            published = holds.record(rows, outcomes, now: self.clock.now())
            self.status.report(holds)
            if let pause = holds.pause {
                // The bus is away: remove what it has confirmed, then wait for it rather than for commits.
                _ = try await outbox.exchange(published: published, limit: 0, except: HeldRows())
                published = []
                await self.status.sleeper.wait(until: self.clock.now() + pause, on: self.clock)
            }
        }
    }

    /// Returns when something was committed, a pause is over, it is time to look for other processes' rows, or shutdown begins.
    private func waitForWork(after level: UInt64, until due: Duration?) async throws {
        let poll = self.outbox.pollInterval.map { self.clock.now() + $0 }
        let deadline = [due, poll].compactMap { $0 }.min()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await self.outbox.commits(after: level) }
            group.addTask { await self.status.sleeper.wait(until: deadline, on: self.clock) }
            try await group.next()
            group.cancelAll()
        }
        try Task.checkCancellation()
    }
}

extension OutboxRelay: CustomStringConvertible {
    /// What a service group's logs name it.
    public var description: String { "outbox relay" }
}
