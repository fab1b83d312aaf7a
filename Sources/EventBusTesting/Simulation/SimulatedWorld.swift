// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Logging
import Synchronization

/// What the processes of a simulation share and what outlives them: clock, bus, stores, history and fault plan.
final class SimulatedWorld: Sendable {
    private struct State: Sendable {
        var stores: [String: InMemoryStore] = [:]
        var committed: [Message] = []
        var calls: [String: CallCounter] = [:]
    }

    let seed: UInt64
    let clock = VirtualClock()
    let history: History
    let executor: SeededExecutor
    let plan: FaultPlan
    let outages: Outages
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
        !self.bus.isIdle || self.state.withLock { state in state.stores.values.contains { $0.outboxReport().rows > 0 } }
    }

    /// The counter that all lives of a process share.
    func calls(of process: String) -> CallCounter {
        self.state.withLock { state in
            let counter = state.calls[process] ?? CallCounter(process, seed: self.seed)
            state.calls[process] = counter
            return counter
        }
    }

    func store(_ name: String) -> InMemoryStore {
        self.state.withLock { state in
            if let store = state.stores[name] { return store }
            let recorder = StoreRecorder(name: name, history: self.history) { messages in
                self.state.withLock { $0.committed += messages }
            }
            let store = InMemoryStore(observer: recorder)
            state.stores[name] = store
            return store
        }
    }
}
