// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence
import Logging
public import ServiceLifecycle
import Synchronization

/// Runs an application's own code on one thread, in virtual time, with every choice made by a seed.
///
/// ```swift
/// try Simulation.run { simulation in
///     simulation.start("payments") { process in
///         let store = process.store("payments")
///         let payments = Payments(store: store).consumer(on: process.bus, clock: process.clock)
///         return [payments, OutboxRelay(from: store, to: process.bus, clock: process.clock)]
///     }
///     try await simulation.settle()
///     // publish, settle, check the outcome
/// }
/// ```
///
/// The seed determines which of the ready tasks runs next, which of several competing consumers gets a message, the ids, and
/// which ``Faults`` happen at which call of the bus or of a store. The same seed takes the same steps on every machine.
///
/// Code must stay inside the simulation: it does not see unstructured tasks of yours, nor sleeps on a clock other than
/// ``clock``. Waiting for them ends the run with a report.
public final class Simulation: Sendable {
    let world: SimulatedWorld
    private let started = Mutex<[Instance]>([])

    init(seed: UInt64, faults: Faults, except suppressed: Set<InjectedFault.ID>) {
        self.world = SimulatedWorld(seed: seed, faults: faults, except: suppressed)
    }

    // MARK: The world

    /// The seed, which determines everything that is left to chance.
    public var seed: UInt64 { self.world.seed }

    /// The time, which stands still until ``advance(by:)`` or ``finish(within:until:)`` moves it.
    public var clock: VirtualClock { self.world.clock }

    /// What has happened so far.
    public var history: History { self.world.history }

    /// The bus without faults, for the test itself.
    public var bus: InMemoryEventBus { self.world.bus }

    /// A durable store by name, without faults, for the test itself.
    ///
    /// It is created on first use and outlives the processes that use it.
    public func store(_ name: String) -> InMemoryStore { self.world.store(name) }

    /// Starts processes; each runs its services until it is killed or stopped.
    ///
    /// A process that was killed, or shut down by ``SimulatedProcess/shutDown()`` or a fault, starts again within two seconds.
    ///
    /// - Parameters:
    ///   - name: the name of the processes in ``history``; use each name once.
    ///   - instances: how many processes run side by side, at least 1.
    ///   - services: creates a process's services, once for each of its lives. They must use the process's bus, clock and
    ///     stores: these inject the faults, and they discard what a process does after its death.
    @discardableResult
    public func start(
        _ name: String,
        instances: Int = 1,
        _ services: @escaping @Sendable (SimulatedProcess) throws -> [any Service]
    ) -> SimulatedService {
        require(instances >= 1, "instances is \(instances), must be at least 1")
        let new = (1...instances).map { number in
            Instance(instances > 1 ? "\(name)/\(number)" : name, in: self.world, services)
        }
        self.started.withLock { $0 += new }
        for instance in new { instance.start() }
        return SimulatedService(instances: new)
    }

    /// The test itself as a process that is subject to the same faults as those of ``start(_:instances:_:)``.
    ///
    /// With ``Fault/delay`` its calls wait for the clock, which something else has to advance.
    public func process(_ name: String) -> SimulatedProcess {
        SimulatedProcess(name, life: 1, in: self.world, calls: self.world.calls(of: name))
    }

    /// The faults that have happened so far, in order.
    public var injectedFaults: [InjectedFault] { self.world.plan.injected }

    /// All entities of a type in a store, in the order of their ids.
    public func entities<Model: Entity>(of type: Model.Type, in store: String) throws(RepositoryError) -> [Model] {
        try self.store(store).all(type)
    }

    /// The events of a type that were committed to any store's outbox, in order, with what identifies them.
    public func committed<E: Event>(_ type: E.Type) throws(BusError) -> [(identity: EventIdentity, event: E)] {
        var events: [(identity: EventIdentity, event: E)] = []
        for message in self.world.committed where message.topic == E.topic {
            events.append((message.identity, try message.decode(E.self)))
        }
        return events
    }

    /// Sets the wall clock wrong for a while; ``clock`` goes on as before.
    ///
    /// Times of events come from the wall clock, which starts at the beginning of 2026. An event whose time differs from it by
    /// more than a second is a ``Violation`` of the rule "time".
    public func stepWallClock(by step: Duration, for duration: Duration) {
        self.world.stepWallClock(by: step, for: duration)
    }

    /// Locks a row of a store for a while, as another transaction would, without changing it.
    ///
    /// Transactions that write the row, or read it with a lock, wait. Like a Postgres store by default, every store of a simulation lets a transaction wait
    /// for 4 seconds at most and then ends it with `RepositoryError.Code.locked`. It does nothing if a transaction holds the row already.
    ///
    /// - Parameters:
    ///   - id: the id of the entity, which need not exist.
    ///   - type: the type of the entity.
    ///   - store: the name of the store.
    ///   - duration: for how long, above zero.
    public func lockRow<Model: Entity>(
        _ id: Model.ID,
        of type: Model.Type,
        in store: String,
        for duration: Duration
    ) {
        require(duration > .zero, "duration is \(duration), must be above zero")
        self.world.hold(for: duration) { self.store(store).holdRow(id, of: type) }
    }

    /// How long work may stand still without a problem in the health of the process that should do it; 10 minutes at first.
    ///
    /// Work that is unsettled, or in an outbox with a relay, and does not move for longer is a ``Violation`` of the rule "stalled".
    public var stallLimit: Duration {
        get { self.world.stalls.limit }
        set {
            require(newValue > .zero, "stallLimit is \(newValue), must be above zero")
            self.world.stalls.limit = newValue
        }
    }

    /// Adds the dead letters of subscriptions to the history for a ``HistoryChecker``.
    public func recordDeadLetters(of subscriptions: SubscriptionName...) async throws {
        for subscription in subscriptions {
            for letter in try await self.bus.deadLetters(of: subscription, limit: .max) {
                let what = History.What.deadLettered(
                    subscription,
                    letter.message.identity,
                    reason: letter.reason,
                    attempts: letter.failures.count
                )
                self.history.record(what, at: "bus")
            }
        }
    }

    // MARK: Time

    /// Returns when nothing can run without new input or a later time.
    public func idle() async {
        await self.world.executor.untilIdle()
    }

    /// Returns when nothing can run and whatever is left waits only for time.
    ///
    /// A delayed message waits for time. So does one in flight or in an outbox while any task sleeps, and a queued one while a
    /// process is about to start again.
    ///
    /// - Throws: ``UnfinishedWork`` with what is stuck, and where; the error of a process that ended by itself.
    public func settle() async throws {
        await self.idle()
        try self.rethrowFailures()
        let stuck = self.unfinished.filter { !self.waitsForTime($0) }
        if !stuck.isEmpty {
            throw UnfinishedWork(
                stuck,
                at: self.clock.now.offset,
                "nobody will do what is left, and time does not change that"
            )
        }
    }

    /// Advances the time from one deadline to the next; at each, everything that can run does so.
    public func advance(by duration: Duration) async {
        await self.world.advance(by: duration)
    }

    /// Advances the time until no work is left: nothing queued, delayed, in flight or in an outbox, and `isDone`.
    ///
    /// - Throws: ``UnfinishedWork`` when work is left and no task sleeps, or `limit` has passed; the error of a process that
    ///   ended by itself.
    public func finish(within limit: Duration = .seconds(30 * 86400), until isDone: () throws -> Bool = { true })
        async throws
    {
        let end = self.clock.now.advanced(by: limit)
        while true {
            await self.idle()
            try self.rethrowFailures()
            if try !self.world.hasWork && isDone() { return }
            guard let next = self.clock.nextDeadline, next <= end else {
                throw self.report(self.clock.nextDeadline == nil ? "nobody waits for time" : "not within \(limit)")
            }
            self.world.advance(to: next)
        }
    }

    /// The work that is left, and where.
    public var unfinished: [UnfinishedWork.Item] {
        UnfinishedWork.items(of: self.bus)
            + self.world.stores.flatMap { UnfinishedWork.items(of: $0.store, named: $0.name) }
            + self.world.foreign.flatMap { UnfinishedWork.items(of: $0) }
    }

    private func waitsForTime(_ item: UnfinishedWork.Item) -> Bool {
        switch item.state {
        case .delayed: true
        case .inFlight, .outbox: self.clock.nextDeadline != nil
        case .queued: self.instances.contains { $0.isRestarting || $0.isFrozen }
        case .publisher: self.world.foreign.contains { $0.name == item.place }
        }
    }

    var instances: [Instance] { self.started.withLock { $0 } }

    func report(_ reason: String) -> UnfinishedWork {
        UnfinishedWork(self.unfinished, at: self.clock.now.offset, reason)
    }

    func rethrowFailures() throws {
        for instance in self.instances {
            if let failure = instance.failure { throw failure }
        }
    }
}
