// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import Logging
public import ServiceLifecycle

/// Publishes the committed events of a store's outbox, and removes each one after the bus has confirmed it.
///
/// A relay never gives up. While the bus is unreachable, events wait. An event that requires a subscriber waits until
/// there is one, while events of other topics are published. Any number of relays may run on one outbox, in any number
/// of processes: one of them works, the others stand by. After a crash an event may be published again, under the same
/// id; none is lost. Events with the same ordering key are published in the order in which they were committed.
public struct OutboxRelay: Service {
    private let outbox: any Outbox
    private let bus: any EventBus
    private let batch: Int
    private let clock: RelativeClock
    private let logger: Logger
    private let status = RelayStatus()

    /// Creates a relay.
    ///
    /// - Parameters:
    ///   - store: the store whose outbox is read.
    ///   - bus: the bus to publish to.
    ///   - batch: the maximum number of events that are published together, at least 1.
    ///   - clock: measures the pauses after failures.
    ///   - logger: logs failures.
    public init(
        from store: any Store,
        to bus: any EventBus,
        batch: Int = 256,
        clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger = .current
    ) {
        require(batch >= 1, "batch is \(batch), must be at least 1")
        self.outbox = store.outbox
        self.bus = bus
        self.batch = batch
        self.clock = RelativeClock(clock)
        self.logger = logger
    }

    /// Whether events are being published and, if not, why.
    ///
    /// It is a problem when the relay was never started, and when the bus has not answered or has confirmed nothing for a minute.
    /// A bus or a store that cannot be reached, topics without a subscriber, rows that cannot be read, and an oldest event that has been
    /// the same for 15 s although another relay owns the outbox are notes. In either case committed events are safe and can wait: report this health,
    /// but do not make readiness depend on it.
    ///
    /// Asks the store for its oldest event, for at most 2 s. What lasts that long is measured from call to call, so ask regularly.
    public var health: Health {
        get async {
            let oldest = try? await withTimeLimit(.seconds(2), on: self.clock) { try await self.outbox.oldest() }
            return self.status.health(oldest: oldest ?? nil, today: Stamp.next().time, now: self.clock.now())
        }
    }

    /// Publishes events until graceful shutdown, which lets the current batch finish within 10 s, or cancellation.
    ///
    /// A relay runs once; a second call traps.
    ///
    /// - Throws: `CancellationError`.
    public func run() async throws {
        let isFirst = self.status.start()
        require(isFirst, "this outbox relay runs already or has run; create another one")
        defer { self.status.end() }
        try await withGracefulShutdown({ self.status.shutDown(on: self.clock) }) {
            var backoff = Backoff(first: .milliseconds(100), longest: .seconds(5))
            var confirmed: [OutboxRow.ID: String] = [:]
            while !self.status.isShuttingDown {
                do {
                    try await self.outbox.withOwnership { outbox in
                        self.status.becameOwner()
                        try await self.relay(outbox, &confirmed, &backoff)
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

    /// Publishes as the owner of the outbox.
    ///
    /// - Parameters:
    ///   - confirmed: the rows that the bus has confirmed and that are not known to be removed, with their messages' ids.
    ///   - backoff: between failures; reset by a removal, not by ownership, as a server may let a relay own and read without end.
    private func relay(
        _ outbox: any OwnedOutbox,
        _ confirmed: inout [OutboxRow.ID: String],
        _ backoff: inout Backoff
    ) async throws {
        var holds = RelayHolds()
        var published: [OutboxRow.ID] = []
        var unreadable: Set<OutboxRow.ID> = []
        while true {
            let commits = self.outbox.commitCount
            // Even when cancelled, remove what the bus has confirmed, so that it is not published again.
            let isLast = self.status.isShuttingDown || Task.isCancelled
            let now = self.clock.now()
            let limit = isLast || holds.pause != nil ? 0 : self.batch
            let rows = try await outbox.exchange(published: published, limit: limit, except: holds.held(now: now))
            self.report(outbox.unreadableRows, &unreadable)
            for id in published { confirmed[id] = nil }
            if !published.isEmpty || limit > 0 && rows.isEmpty { backoff.reset() }
            published = []
            guard !isLast else { return try Task.checkCancellation() }
            if let pause = holds.pause {
                // The bus is unreachable: what it has confirmed is removed, now wait for the bus instead of for commits.
                await self.status.sleeper.wait(until: now + pause, on: self.clock)
                holds.resume()
                continue
            }
            if rows.isEmpty {
                try await self.waitForWork(after: commits, until: holds.nextDue(after: now))
                continue
            }
            // What was confirmed before a failure is removed, before anything is published.
            published = rows.filter { confirmed[$0.id] == $0.message.id }.map(\.id)
            guard published.isEmpty else { continue }
            self.status.willPublish(rows.count, now: now)
            let outcomes = await self.bus.publish(rows.map(\.message))
            published = holds.record(rows, outcomes, now: self.clock.now())
            let ids = Set(published)
            for row in rows where ids.contains(row.id) { confirmed[row.id] = row.message.id }
            self.status.report(holds, confirmed: published.count, now: self.clock.now())
        }
    }

    /// Reports the rows that cannot be read, each in the log once.
    private func report(_ unreadable: [OutboxRow.ID: String], _ logged: inout Set<OutboxRow.ID>) {
        self.status.report(unreadable: unreadable)
        for (id, problem) in unreadable.sorted(by: { $0.key < $1.key }) where logged.insert(id).inserted {
            self.logger.warning(
                "A row of the outbox cannot be read and stays there",
                metadata: [LogKey.row: "\(id)", LogKey.reason: "\(problem)"]
            )
        }
    }

    /// Waits for a commit, the end of a hold, the next poll for rows of other processes, or shutdown.
    private func waitForWork(after commits: UInt64, until due: Duration?) async throws {
        let poll = self.outbox.pollInterval.map { self.clock.now() + $0 }
        let deadline = [due, poll].compactMap { $0 }.min()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await self.outbox.commits(after: commits) }
            group.addTask { await self.status.sleeper.wait(until: deadline, on: self.clock) }
            try await group.next()
            group.cancelAll()
        }
        try Task.checkCancellation()
    }
}

extension OutboxRelay: CustomStringConvertible {
    /// The name that a service group logs.
    public var description: String { "outbox relay" }
}
