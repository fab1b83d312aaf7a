// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// Runs all tasks of a simulation on one thread, one job at a time; the seed picks the next of the jobs that are ready.
final class SeededExecutor: TaskExecutor {
    private struct State: Sendable {
        var jobs: [Ready] = []
        /// The ready jobs of frozen processes, by the number of their executor.
        var parked: [Int: [UnownedJob]] = [:]
        var lastProcess = 0
        // Closures, since arrays of continuations, whose layout only the runtime knows, are slow to move about.
        var idle: [@Sendable () -> Void] = []
        var random: SeededRandom
        /// Combines all choices so far: equal for two runs only if they took the same steps.
        var fingerprint: UInt64 = 0
        var steps = 0
    }

    /// A job that is ready, and the process that it belongs to.
    private struct Ready: Sendable {
        let job: UnownedJob
        let process: ProcessExecutor?
    }

    private enum NextAction {
        case job(Ready)
        case idle(@Sendable () -> Void)
        case stuck
    }

    private let state: Mutex<State>

    init(seed: UInt64) {
        self.state = Mutex(State(random: SeededRandom(seed: seed, "executor")))
    }

    /// Depends on every choice made so far and on how many jobs there were to choose from.
    var fingerprint: UInt64 { self.state.withLock { $0.fingerprint } }

    /// The number of jobs that have run.
    var steps: Int { self.state.withLock { $0.steps } }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.state.withLock { $0.jobs.append(Ready(job: job, process: nil)) }
    }

    // MARK: Processes

    /// The number of a new process.
    func nextProcess() -> Int {
        self.state.withLock { state in
            state.lastProcess += 1
            return state.lastProcess
        }
    }

    func enqueue(_ job: UnownedJob, of process: ProcessExecutor) {
        self.state.withLock { state in
            guard state.parked.isEmpty || state.parked[process.number] == nil else {
                state.parked[process.number]?.append(job)
                return
            }
            state.jobs.append(Ready(job: job, process: process))
        }
    }

    /// Runs no job of a process until it thaws.
    func freeze(_ process: ProcessExecutor) {
        self.state.withLock { state in
            guard state.parked[process.number] == nil else { return }
            state.parked[process.number] = state.jobs.filter { $0.process === process }.map(\.job)
            state.jobs.removeAll { $0.process === process }
        }
    }

    func thaw(_ process: ProcessExecutor) {
        self.state.withLock { state in
            guard let jobs = state.parked.removeValue(forKey: process.number) else { return }
            state.jobs += jobs.map { Ready(job: $0, process: process) }
        }
    }

    func isFrozen(_ process: ProcessExecutor) -> Bool {
        self.state.withLock { $0.parked[process.number] != nil }
    }

    // MARK: Running

    /// Returns when no job is ready.
    func untilIdle() async {
        await withCheckedContinuation { continuation in
            self.state.withLock { $0.idle.append { continuation.resume() } }
        }
    }

    /// How a run ended.
    enum End {
        case done
        /// No job is ready, and no task is waiting for that.
        case stuck
        /// So many jobs have run without a pause that the run will probably never come to rest.
        case endless
        /// As many jobs have run as were allowed.
        case tooLong
    }

    /// Runs jobs until `isDone`.
    ///
    /// - Parameter limit: how many at most.
    func run(atMost limit: Int = .max, until isDone: () -> Bool) -> End {
        let executor = self.asUnownedTaskExecutor()
        var (steps, total) = (0, 0)
        while steps < Self.stepLimit {
            if isDone() { return .done }
            guard total < limit else { return .tooLong }
            switch self.step() {
            case .job(let ready):
                steps += 1
                total += 1
                guard let process = ready.process else {
                    ready.job.runSynchronously(on: executor)
                    continue
                }
                // A fault that hits between two steps of a process, such as a freeze.
                if process.isDueForFault(), process.hit(), self.isFrozen(process) {
                    self.enqueue(ready.job, of: process)
                } else {
                    ready.job.runSynchronously(on: process.asUnownedTaskExecutor())
                }
            case .idle(let resume):
                steps = 0
                resume()
            case .stuck: return .stuck
            }
        }
        return .endless
    }

    /// The number of jobs without a pause after which a run counts as endless.
    private static let stepLimit = 2_000_000

    private func step() -> NextAction {
        self.state.withLock { state in
            let count = state.jobs.count
            guard count > 0 else { return state.idle.popLast().map(NextAction.idle) ?? .stuck }
            state.steps += 1
            let choice = count == 1 ? 0 : state.random.below(count)
            state.fingerprint = (state.fingerprint ^ UInt64(choice &* 64 &+ count)) &* 0x100_0000_01b3
            state.jobs.swapAt(choice, count - 1)
            return .job(state.jobs.removeLast())
        }
    }
}

/// Runs the tasks of one life of a process on the simulation's thread, unless the process is frozen.
final class ProcessExecutor: TaskExecutor {
    let number: Int
    private let base: SeededExecutor
    private let calls: CallCounter
    private let onFault = Mutex<(@Sendable (_ step: Int) -> Void)?>(nil)

    init(on base: SeededExecutor, calls: CallCounter) {
        self.base = base
        self.calls = calls
        self.number = base.nextProcess()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        self.base.enqueue(UnownedJob(job), of: self)
    }

    // MARK: Freezing

    var isFrozen: Bool { self.base.isFrozen(self) }

    func freeze() { self.base.freeze(self) }

    func thaw() { self.base.thaw(self) }

    // MARK: Faults between two steps

    /// Sets what happens when a fault hits between two steps.
    func setFault(_ body: @escaping @Sendable (_ step: Int) -> Void) {
        self.onFault.withLock { $0 = body }
    }

    /// Counts a step; returns whether a fault hits before it.
    func isDueForFault() -> Bool { self.calls.step() }

    /// Lets the fault happen; returns whether there was one.
    func hit() -> Bool {
        let step = self.calls.faultyStep()
        guard let fault = self.onFault.withLock({ $0 }) else { return false }
        fault(step)
        return true
    }
}
