// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import Synchronization

extension Simulation {
    /// The default seed: the environment variable `SEED`, or 1.
    public static var standardSeed: UInt64 { Self.seedOfEnvironment ?? 1 }

    /// How many steps the tasks of a run may take by default: 10 million, about half a minute.
    public static var standardSteps: Int { 10_000_000 }

    /// Seeds for a test's arguments: 1 to `count`, or only the environment variable `SEED` when it is set.
    public static func seeds(_ count: UInt64) -> [UInt64] {
        require(count >= 1, "count is 0, must be at least 1")
        return Self.seedOfEnvironment.map { [$0] } ?? Array(1...count)
    }

    /// Runs `body`, and the processes that it starts, on the calling thread until `body` ends.
    ///
    /// - Parameters:
    ///   - seed: determines everything that is left to chance.
    ///   - faults: what may go wrong.
    ///   - suppressed: faults that do not happen although the seed calls for them.
    ///   - steps: how many steps the tasks may take before the run counts as one that does not settle, at least 1.
    ///   - body: the test.
    /// - Throws: what `body` throws; ``UnfinishedWork`` when it waits for something that nothing in the simulation will do, or does not
    ///   settle.
    public static func run<Result: Sendable>(
        seed: UInt64 = Simulation.standardSeed,
        faults: Faults = .none,
        except suppressed: Set<InjectedFault.ID> = [],
        steps: Int = Simulation.standardSteps,
        _ body: @escaping @Sendable (Simulation) async throws -> Result
    ) throws -> Result {
        try Self.attempt(seed, faults, suppressed, steps, body).result.get()
    }

    /// The result of a run, and its simulation.
    static func attempt<Value: Sendable>(
        _ seed: UInt64,
        _ faults: Faults,
        _ suppressed: Set<InjectedFault.ID>,
        _ steps: Int,
        _ body: @escaping @Sendable (Simulation) async throws -> Value
    ) -> (result: Result<Value, any Error>, simulation: Simulation) {
        require(steps >= 1, "steps is \(steps), must be at least 1")
        let simulation = Simulation(seed: seed, faults: faults, except: suppressed)
        let outcome = Outcome<Value>()
        let stamps = SeededStamps(simulation.world)
        // The only unstructured task here, like that of a program's main function.
        let task = Task(executorPreference: simulation.world.executor) {
            await outcome.set {
                try await withLogger(simulation.world.logger) { _ in
                    try await Stamp.withSource(stamps) {
                        // The test counts as a process of its own.
                        try await Quarantine.$semaphore.withValue(AsyncSemaphore()) { try await body(simulation) }
                    }
                }
            }
        }
        let end = simulation.world.executor.run(atMost: steps) { outcome.value != nil }
        let problem: UnfinishedWork? =
            switch end {
            case .done: nil
            case .stuck: simulation.report("the test waits for something outside the simulation")
            case .endless: simulation.report("the tasks keep each other busy and never come to rest")
            case .tooLong: simulation.report("it does not settle: it is not done after \(steps) steps")
            }
        task.cancel()
        let ignorant = simulation.stop(outcome)
        if let problem = problem ?? ignorant { return (.failure(problem), simulation) }
        // Why a process ended by itself matters more than what the test made of it.
        do { try simulation.rethrowFailures() } catch { return (.failure(error), simulation) }
        return (outcome.value ?? .failure(CancellationError()), simulation)
    }

    /// Ends all processes; returns a report of those that ignore cancellation.
    private func stop<Value>(_ outcome: Outcome<Value>) -> UnfinishedWork? {
        let instances = self.instances
        for instance in instances { instance.cancel() }
        self.world.cancelLooseTasks()
        let end = self.world.executor.run {
            outcome.value != nil && !self.world.hasLooseTasks && instances.allSatisfy(\.hasEnded)
        }
        if case .done = end { return nil }
        let names = (outcome.value == nil ? ["the test"] : []) + instances.filter { !$0.hasEnded }.map(\.name)
        return self.report("\(names.joined(separator: ", ")) cannot be ended by cancellation")
    }

    private static var seedOfEnvironment: UInt64? {
        guard let text = Environment.value("SEED") else { return nil }
        let seed = UInt64(text)
        require(seed != nil, "SEED is not a number")
        return seed
    }
}

/// The outcome of a task.
private final class Outcome<Value: Sendable>: Sendable {
    private let state = Mutex<Result<Value, any Error>?>(nil)

    var value: Result<Value, any Error>? { self.state.withLock { $0 } }

    func set(_ body: () async throws -> Value) async {
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        self.state.withLock { $0 = result }
    }
}
