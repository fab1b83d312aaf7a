// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Logging
import Synchronization

/// What the processes of a simulation share and what outlives them: clock, bus, stores, history and fault plan.
final class SimulatedWorld: Sendable {
    private struct LooseTask: Sendable {
        /// Whether the simulation is not finished without it.
        let isWork: Bool
        let cancel: @Sendable () -> Void
    }

    private struct State: Sendable {
        var stores: [String: InMemoryStore] = [:]
        var committed: [Message] = []
        var calls: [String: CallCounter] = [:]
        /// Tasks that nobody waits for, such as what servers still do for callers that have given up.
        var looseTasks: [Int: LooseTask] = [:]
        var lastLooseTask = 0
        var foreign: [ForeignBacklog] = []
        /// By how much the wall clock is wrong.
        var wallClockError = Duration.zero
        var wallClockSteps = 0
    }

    let seed: UInt64
    let clock = VirtualClock()
    let history: History
    let executor: SeededExecutor
    let plan: FaultPlan
    let outages: Outages
    let stalls: Stalls
    let bus: InMemoryEventBus
    /// Silent: the history has what matters.
    let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
    private let state = Mutex(State())

    init(seed: UInt64, faults: Faults, except suppressed: Set<InjectedFault.ID>) {
        let clock = self.clock
        let random = Mutex(SeededRandom(seed: seed, "bus"))
        self.seed = seed
        self.history = History { clock.now.offset }
        self.executor = SeededExecutor(seed: seed)
        self.plan = FaultPlan(seed: seed, faults, except: suppressed)
        self.outages = Outages(clock: clock)
        self.stalls = Stalls(clock: clock)
        // Under faults, some seeds have subscriptions that fill up soon.
        var size = SeededRandom(seed: seed, "capacity")
        let isSmall = faults.fullSubscriptions && size.below(4) == 0
        self.bus = InMemoryEventBus(
            clock: clock,
            capacity: isSmall ? 2 + size.below(7) : 100_000,
            choosing: { consumers, _ in random.withLock { $0.below(consumers.count) } }
        )
    }

    /// All stores, sorted by name.
    var stores: [(name: String, store: InMemoryStore)] {
        self.state.withLock { state in state.stores.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    }

    /// The events that were committed to any store's outbox, in order.
    var committed: [Message] { self.state.withLock { $0.committed } }

    /// Whether anything is queued, delayed, in flight or in an outbox.
    var hasWork: Bool {
        !self.bus.isIdle
            || self.state.withLock { state in
                state.looseTasks.values.contains(where: \.isWork) || state.foreign.contains { $0.count > 0 }
                    || state.stores.values.contains { $0.outboxReport().rows > 0 }
            }
    }

    /// Advances the time, or first a part of the way, to ask about work that stands still.
    func advance(to instant: VirtualClock.Instant) {
        if let due = self.stalls.due(before: instant.offset) {
            self.clock.advance(to: VirtualClock.Instant(offset: due))
            let violations = self.stalls.look(at: due) { executor, question in
                self.start(on: executor, isWork: false, question)
            }
            for violation in violations { self.history.record(.broken(violation), at: "health") }
        } else {
            self.clock.advance(to: instant)
        }
    }

    /// Advances the time from one deadline to the next; at each, everything that can run does so.
    func advance(by duration: Duration) async {
        await self.executor.untilIdle()
        let end = self.clock.now.advanced(by: duration)
        while let next = self.clock.nextDeadline, next <= end {
            self.advance(to: next)
            await self.executor.untilIdle()
        }
        while self.clock.now < end {
            self.advance(to: end)
            await self.executor.untilIdle()
        }
    }

    func add(_ foreign: ForeignBacklog) { self.state.withLock { $0.foreign.append(foreign) } }

    /// What programs of others have not published yet.
    var foreign: [ForeignBacklog] { self.state.withLock { $0.foreign } }

    // MARK: What servers do

    /// Does something that goes on whatever becomes of the process that has asked for it.
    func onServer(_ body: @escaping @Sendable () async throws -> Void) {
        self.start(on: self.executor, isWork: true) { try? await body() }
    }

    /// Starts a task that nobody waits for.
    ///
    /// - Parameter isWork: whether the simulation is not finished without it.
    private func start(on executor: any TaskExecutor, isWork: Bool, _ body: @escaping @Sendable () async -> Void) {
        let id = self.state.withLock { state in
            state.lastLooseTask += 1
            state.looseTasks[state.lastLooseTask] = LooseTask(isWork: isWork) {}
            return state.lastLooseTask
        }
        let task = Task(executorPreference: executor) {
            await body()
            self.state.withLock { _ = $0.looseTasks.removeValue(forKey: id) }
        }
        self.state.withLock {
            if $0.looseTasks[id] != nil { $0.looseTasks[id] = LooseTask(isWork: isWork) { task.cancel() } }
        }
    }

    /// How long a store lets a transaction wait for another one, whatever becomes of the process: the default of Postgres stores.
    private static let lockTimeout = Duration.seconds(4)

    /// Lets another transaction hold something for a while.
    ///
    /// - Parameter hold: begins the transaction and returns how to end it; `nil` if it cannot begin.
    func hold(for duration: Duration, _ hold: () -> (@Sendable () -> Void)?) {
        guard let release = hold() else { return }
        self.clock.call(at: self.clock.now.advanced(by: duration), release)
    }

    func cancelLooseTasks() {
        for task in self.state.withLock({ Array($0.looseTasks.values) }) { task.cancel() }
    }

    var hasLooseTasks: Bool { self.state.withLock { !$0.looseTasks.isEmpty } }

    // MARK: The wall clock

    /// By how much the wall clock is wrong.
    var wallClockError: Duration { self.state.withLock { $0.wallClockError } }

    func stepWallClock(by step: Duration, for duration: Duration) {
        self.history.record(.note("the wall clock is wrong by \(step) for \(duration)"), at: "clock")
        let number = self.state.withLock { state in
            state.wallClockError = step
            state.wallClockSteps += 1
            return state.wallClockSteps
        }
        self.clock.call(at: self.clock.now.advanced(by: duration)) {
            let isLast = self.state.withLock { state in
                guard state.wallClockSteps == number else { return false }
                state.wallClockError = .zero
                return true
            }
            guard isLast else { return }
            self.history.record(.note("the wall clock is right"), at: "clock")
        }
    }

    // MARK: Processes and stores

    /// The counter that all lives of a process share.
    func calls(of process: String) -> CallCounter {
        self.state.withLock { state in
            let counter =
                state.calls[process]
                ?? CallCounter(
                    process,
                    seed: self.seed,
                    stepsBetweenFaults: self.plan.stepsBetweenFaults
                )
            state.calls[process] = counter
            return counter
        }
    }

    func store(_ name: String) -> InMemoryStore {
        self.state.withLock { state in
            if let store = state.stores[name] { return store }
            let recorder = StoreRecorder(name: name, history: self.history) { messages in
                self.state.withLock { $0.committed += messages }
                // It was empty before: nothing in it has stood still.
                if self.store(name).outboxReport().rows == messages.count { self.stalls.moved("outbox of \(name)") }
            } onWait: { [clock] giveUp in
                clock.call(at: clock.now.advanced(by: Self.lockTimeout), giveUp)
            }
            let store = InMemoryStore(observer: recorder)
            state.stores[name] = store
            return store
        }
    }
}
