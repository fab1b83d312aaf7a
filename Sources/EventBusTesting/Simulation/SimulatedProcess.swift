// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import Synchronization

/// One life of a process in a ``Simulation``: from a start to its death.
///
/// What it does after its death has no effect on others.
public final class SimulatedProcess: Sendable {
    private struct State: Sendable {
        var isDead = false
        var isShuttingDown = false
        /// Whether it is ending and must not wait for anything any more.
        var isLetGo = false
        var hasFailedCalls = false
        var works: [SubscriptionName: Int] = [:]
        /// The messages that it has begun to handle, for the judgement of its shutdown.
        var starts: [SubscriptionName: Set<EventIdentity>] = [:]
        /// The messages of which it is open whether the last start has failed.
        var doubts: [SubscriptionName: [EventIdentity: Doubt]] = [:]
    }

    /// Why it is open whether a start has failed.
    enum Doubt: Sendable {
        /// The store has undone it; it will be made again, or is given up.
        case undone
        /// Its handler blames a store for its failure.
        case blamesStore
    }

    /// The process, with its number when there are several.
    public let name: String
    /// The number of this life, from 1.
    public let life: Int
    let world: SimulatedWorld
    /// Its name in the history.
    let place: String
    /// Runs its tasks.
    let executor: ProcessExecutor
    /// Its subscriptions on the bus.
    let connections = Sessions()
    /// Its open transactions.
    let transactions = Sessions()
    /// The outboxes that it owns.
    let ownerships = Sessions()
    /// Handlers that ignore their cancellation.
    let hanging = Sessions()
    /// What it says about itself.
    let reports = HealthReports()
    private let calls: CallCounter
    private let state = Mutex(State())
    /// Raised when the process dies.
    let death = Signal()
    /// Raised when the process is asked to shut down.
    let shutdown = Signal()

    init(_ name: String, life: Int, in world: SimulatedWorld, calls: CallCounter) {
        self.name = name
        self.life = life
        self.world = world
        self.calls = calls
        self.place = "\(name) (life \(life))"
        self.executor = ProcessExecutor(on: world.executor, calls: calls)
    }

    /// The simulation's time.
    public var clock: VirtualClock { self.world.clock }

    /// Whether the process has died.
    public var isDead: Bool { self.state.withLock { $0.isDead } }

    /// Kills the process at once, whatever it is doing, as SIGKILL would.
    public func die(_ place: String = "killed") {
        let isFirst = self.state.withLock { state in
            defer { state.isDead = true }
            return !state.isDead
        }
        guard isFirst else { return }
        self.record(.note("dies: \(place)"))
        self.letGo()
        self.death.raise()
    }

    /// Lets everything end that waits without heeding its cancellation.
    func letGo() {
        self.state.withLock { $0.isLetGo = true }
        self.executor.thaw()
        self.hanging.endAll()
    }

    /// Asks the process to shut down, as SIGTERM would; it then starts again, as after a deployment.
    public func shutDown() {
        self.state.withLock { $0.isShuttingDown = true }
        self.record(.note("is asked to shut down"))
        self.shutdown.raise()
    }

    var isLetGo: Bool { self.state.withLock { $0.isLetGo } }

    var isShuttingDown: Bool { self.state.withLock { $0.isShuttingDown } }

    func record(_ what: History.What) {
        self.world.history.record(what, at: self.place)
    }

    /// Tells the simulation how to ask for the health of this process, for the rule that work which stands still is noticed.
    ///
    /// It asks each `EventConsumer` and `OutboxRelay` among the process's services by itself; this is for those inside of other
    /// services.
    public func watch(_ health: @escaping @Sendable () async -> Health) {
        self.reports.add(nil, health)
    }

    // MARK: What it has done, for the rules

    func started(_ events: [EventIdentity], by consumer: SubscriptionName) {
        let again = self.state.withLock { state in
            state.starts[consumer, default: []].formUnion(events)
            return events.filter { state.doubts[consumer]?.removeValue(forKey: $0) == .undone }
        }
        for event in again { self.record(.unfinished(consumer, event)) }
        self.moved(consumer)
    }

    func hasStarted(_ event: EventIdentity, by consumer: SubscriptionName) -> Bool {
        self.state.withLock { $0.starts[consumer]?.contains(event) == true }
    }

    func note(_ doubt: Doubt, about event: EventIdentity, by consumer: SubscriptionName) {
        self.state.withLock { $0.doubts[consumer, default: [:]][event] = doubt }
    }

    /// Returns a doubt only once.
    func takeDoubt(about event: EventIdentity, by consumer: SubscriptionName) -> Doubt? {
        self.state.withLock { $0.doubts[consumer]?.removeValue(forKey: event) }
    }

    func callFailed() { self.state.withLock { $0.hasFailedCalls = true } }

    /// Whether a call to a store has failed.
    var hasFailedCalls: Bool { self.state.withLock { $0.hasFailedCalls } }

    /// The deliveries of a subscription are work that ``Stalls`` watches.
    func holds(_ work: Int, of consumer: SubscriptionName) { self.state.withLock { $0.works[consumer] = work } }

    func moved(_ consumer: SubscriptionName) {
        if let work = self.state.withLock({ $0.works[consumer] }) { self.world.stalls.moved(work) }
    }

    // MARK: Points at which something can go wrong

    /// The start of a call: others may run first, and the process may have died by then or die now.
    ///
    /// - Returns: a fault that the call itself has to implement.
    func enter(_ call: FaultCall) async throws(ProcessDied) -> Fault? {
        await self.letOthersRun()
        try self.checkAlive()
        guard let fault = self.draw(call) else { return nil }
        switch fault {
        case .deathBefore:
            self.die("before \(call.rawValue)")
            throw ProcessDied()
        case .delay:
            try? await self.clock.sleep(for: .milliseconds(1 + self.calls.below(5000)))
            try self.checkAlive()
            return nil
        case .busRestart:
            self.world.outages.restartBus(for: .milliseconds(50 + self.calls.below(5000)))
            return nil
        case .shutdown:
            self.shutDown()
            return nil
        default:
            return fault
        }
    }

    /// Lets others run: before a call, and between its effect and its answer.
    func letOthersRun() async {
        if self.world.plan.isActive, self.calls.below(4) == 0 { await Task.yield() }
    }

    /// ``enter(_:)`` for synchronous calls.
    func drawNow(_ call: FaultCall) -> Fault? {
        guard !self.isDead else { return .deathBefore }
        let fault = self.draw(call)
        if fault == .deathBefore { self.die("before \(call.rawValue)") }
        return fault
    }

    /// The end of a call that has had its effect: the process may have died by then, or dies now and never gets the answer.
    func leave(_ call: FaultCall, _ fault: Fault?) throws(ProcessDied) {
        if fault == .deathAfter { self.die("after \(call.rawValue)") }
        try self.checkAlive()
    }

    func checkAlive() throws(ProcessDied) {
        if self.isDead { throw ProcessDied() }
    }

    /// A random number for the details of a fault.
    func below(_ bound: Int) -> Int { self.calls.below(bound) }

    /// A fault between two calls.
    func draw(step: Int) -> Fault? {
        let id = InjectedFault.ID(process: self.name, call: step, isStep: true)
        return self.world.plan.drawStep(id, self.calls.seed)
    }

    private func draw(_ call: FaultCall) -> Fault? {
        let plan = self.world.plan
        guard plan.isActive else { return nil }
        let fault = plan.draw(call, InjectedFault.ID(process: self.name, call: self.calls.next()), self.calls.seed)
        guard let fault else { return nil }
        self.record(.note("\(fault.rawValue) at \(call.rawValue)"))
        return fault
    }
}

/// What every call of a dead process throws.
struct ProcessDied: Error {}
