// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// One life of a process in a ``Simulation``: from a start to its death.
///
/// What it does after its death has no effect on others.
public final class SimulatedProcess: Sendable {
    /// The process, with its number when there are several.
    public let name: String
    /// The number of this life, from 1.
    public let life: Int
    let world: SimulatedWorld
    /// Its name in the history.
    let place: String
    private let calls: CallCounter
    private let isDeadState = Mutex(false)
    private let isShuttingDownState = Mutex(false)
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
    }

    /// The simulation's time.
    public var clock: VirtualClock { self.world.clock }

    /// Whether the process has died.
    public var isDead: Bool { self.isDeadState.withLock { $0 } }

    /// Kills the process at once, whatever it is doing, as SIGKILL would.
    public func die(_ place: String = "killed") {
        let isFirst = self.isDeadState.withLock { isDead in
            defer { isDead = true }
            return !isDead
        }
        guard isFirst else { return }
        self.record(.note("dies: \(place)"))
        self.death.raise()
    }

    /// Asks the process to shut down, as SIGTERM would; it then starts again, as after a deployment.
    public func shutDown() {
        self.isShuttingDownState.withLock { $0 = true }
        self.record(.note("is asked to shut down"))
        self.shutdown.raise()
    }

    var isShuttingDown: Bool { self.isShuttingDownState.withLock { $0 } }

    func record(_ what: History.What) {
        self.world.history.record(what, at: self.place)
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
