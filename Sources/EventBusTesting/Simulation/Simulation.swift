// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence
import Logging
public import ServiceLifecycle
import Synchronization

/// A world in which an application's own code runs on one thread, in virtual time, with every choice made by a seed.
///
/// ```swift
/// try Simulation.run { simulation in
///     simulation.start("payments") { process in
///         let store = process.store("payments")
///         let payments = Payments(store: store).consumer(on: process.bus, clock: process.clock)
///         return [payments, OutboxRelay(from: store, to: process.bus, clock: process.clock)]
///     }
///     try await simulation.settle()
///     // publish, settle, look at what has come of it
/// }
/// ```
///
/// The seed decides which of the tasks that could run runs next, which of competing consumers gets a message, the ids, and
/// which ``Faults`` happen at which call of the bus or of a store. The same seed takes the same way on every machine.
///
/// What runs inside must not leave the simulation: tasks that are neither child tasks nor made by it, and sleeps on a clock
/// other than ``clock``, are not seen. Waiting for them ends the run with a report.
public final class Simulation: Sendable {
    let world: SimulatedWorld
    private let started = Mutex<[Instance]>([])

    init(seed: UInt64, faults: Faults, except suppressed: Set<InjectedFault.ID>) {
        self.world = SimulatedWorld(seed: seed, faults: faults, except: suppressed)
    }

    // MARK: The world

    /// What decides everything that is left to chance.
    public var seed: UInt64 { self.world.seed }

    /// The time, which stands still until ``advance(by:)`` or ``finish(within:until:)`` moves it.
    public var clock: VirtualClock { self.world.clock }

    /// What has happened so far.
    public var history: History { self.world.history }

    /// The bus, without faults: for the test itself.
    public var bus: InMemoryEventBus { self.world.bus }

    /// A durable store by name, without faults: for the test itself.
    ///
    /// It is made when it is first asked for and outlives the processes that use it.
    public func store(_ name: String) -> InMemoryStore { self.world.store(name) }

    /// Starts processes; each runs its services until it is killed or stopped.
    ///
    /// One that was killed, or that shut down because it was asked to by ``SimulatedProcess/shutDown()`` or a fault, starts anew
    /// within two seconds.
    ///
    /// - Parameters:
    ///   - name: what the processes are called in ``history``; each name is to be used once.
    ///   - instances: how many of them run side by side.
    ///   - services: makes a process's services, anew for each of its lives. They have to use the process's bus, clock and
    ///     stores: through them it can be made to fail, and what it does after its death reaches nobody.
    @discardableResult
    public func start(
        _ name: String,
        instances: Int = 1,
        _ services: @escaping @Sendable (SimulatedProcess) throws -> [any Service]
    ) -> SimulatedService {
        let new = (1...max(1, instances)).map { number in
            Instance(instances > 1 ? "\(name)/\(number)" : name, in: self.world, services)
        }
        self.started.withLock { $0 += new }
        for instance in new { instance.start() }
        return SimulatedService(instances: new)
    }

    /// The test itself as a process, which meets the same faults as those that ``start(_:instances:_:)`` starts.
    ///
    /// With ``Fault/delay`` its calls wait for time: somebody else has to let it pass.
    public func process(_ name: String) -> SimulatedProcess {
        SimulatedProcess(name, life: 1, in: self.world, calls: self.world.calls(of: name))
    }

    /// The faults that have happened so far, in order.
    public var injectedFaults: [InjectedFault] { self.world.plan.injected }

    /// All entities of a type in a store, in the order of their ids.
    public func entities<Model: Entity>(of type: Model.Type, in store: String) throws(RepositoryError) -> [Model] {
        try self.store(store).all(type)
    }

    /// The events of a type that were committed to any store's outbox, in order, with their message ids.
    public func committed<E: Event>(_ type: E.Type) throws(BusError) -> [(id: String, event: E)] {
        var events: [(id: String, event: E)] = []
        for message in self.world.committed where message.topic == E.topic {
            events.append((message.id, try message.decode(E.self)))
        }
        return events
    }

    /// Adds the dead letters of subscriptions to the history, for a ``HistoryChecker`` to judge.
    public func recordDeadLetters(of subscriptions: SubscriptionName...) async throws {
        for subscription in subscriptions {
            for letter in try await self.bus.deadLetters(of: subscription, limit: .max) {
                let what = History.What.deadLettered(
                    subscription,
                    letter.message.id,
                    reason: letter.reason,
                    attempts: letter.failures.count
                )
                self.history.record(what, at: "bus")
            }
        }
    }

    // MARK: Time

    /// Returns when nothing can run any more without new input or time.
    public func idle() async {
        await self.world.executor.untilIdle()
    }

    /// Returns when nothing can run any more and nothing waits but for time.
    ///
    /// What is delayed waits for time, and so does what is in flight or in an outbox while anybody sleeps, and what is queued
    /// while a process is about to start again.
    ///
    /// - Throws: ``UnfinishedWork`` that says what is stuck, and where; what ended a process that nobody had killed.
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

    /// Lets time pass; whoever sleeps wakes at its time, and everything runs until nothing can before the time goes on.
    public func advance(by duration: Duration) async {
        await self.idle()
        let end = self.clock.now.advanced(by: duration)
        while let next = self.clock.nextDeadline, next <= end {
            self.clock.advance(to: next)
            await self.idle()
        }
        self.clock.advance(to: end)
        await self.idle()
    }

    /// Lets time pass until no work is left: nothing queued, delayed, in flight or in an outbox, and `isDone`.
    ///
    /// - Throws: ``UnfinishedWork`` when work is left and nobody sleeps, or `limit` has passed; what ended a process that
    ///   nobody had killed.
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
            self.clock.advance(to: next)
        }
    }

    /// The work that is left, and where it waits.
    public var unfinished: [UnfinishedWork.Item] {
        UnfinishedWork.items(of: self.bus)
            + self.world.stores.flatMap { UnfinishedWork.items(of: $0.store, named: $0.name) }
    }

    private func waitsForTime(_ item: UnfinishedWork.Item) -> Bool {
        switch item.state {
        case .delayed: true
        case .inFlight, .outbox: self.clock.nextDeadline != nil
        case .queued: self.instances.contains(where: \.isRestarting)
        case .publisher: false
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
