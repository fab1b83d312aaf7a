// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A seed with which a scenario breaks a promise, reduced to the faults that are needed for it.
public struct SimulationFailure: Error, Sendable, CustomStringConvertible {
    /// The seed: a run with it and the same scenario fails in the same way.
    public let seed: UInt64
    /// The promises that were broken; empty when the run ended with an error.
    public let violations: [Violation]
    /// What the run threw.
    public let error: (any Error)?
    /// The faults that are needed for it.
    public let faults: [InjectedFault]
    /// How many faults happened before those that are not needed were removed.
    public let faultsBefore: Int
    /// What happened to the messages concerned.
    public let timeline: String

    /// The whole report.
    public var description: String {
        var lines = ["Seed \(self.seed) fails (SEED=\(self.seed) for tests that run Simulation.seeds)"]
        lines += self.violations.map { "  \($0)" }
        if let error = self.error { lines.append("  \(error)") }
        lines.append("Faults that it takes, \(self.faults.count) of \(self.faultsBefore):")
        lines += self.faults.map { "  \($0)" }
        lines.append("Timeline:")
        lines.append(self.timeline)
        return lines.joined(separator: "\n")
    }
}

/// A completed run of a scenario.
public struct SimulationRun: Sendable {
    /// The promises that it broke, if any.
    public let failure: SimulationFailure?
    /// What happened.
    public let history: History
    /// The faults that happened.
    public let faults: [InjectedFault]
    /// The number of steps that the seed has chosen.
    public let steps: Int
    private let choices: UInt64

    /// Equal for two runs only if they took the same steps, in this process or another.
    public var fingerprint: UInt64 {
        var hash = self.choices
        for byte in self.history.timeline().utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }

    fileprivate init(_ attempt: Attempt, _ failure: SimulationFailure?) {
        self.failure = failure
        self.history = attempt.simulation.history
        self.faults = attempt.simulation.injectedFaults
        self.steps = attempt.simulation.world.executor.steps
        self.choices = attempt.simulation.world.executor.fingerprint
    }
}

extension Simulation {
    /// Runs a scenario with a seed and, if it fails, removes one fault after the other while it still fails.
    ///
    /// - Parameters:
    ///   - seed: determines everything that is left to chance.
    ///   - faults: what may go wrong.
    ///   - steps: how many steps the tasks may take before a run fails with ``UnfinishedWork``, since it does not settle; at least 1. Allow
    ///     many times what the scenario takes as a rule, since a fault can make it much longer.
    ///   - scenario: what happens; returns the promises that were broken.
    public static func check(
        seed: UInt64,
        faults: Faults = .all,
        steps: Int = Simulation.standardSteps,
        _ scenario: @escaping @Sendable (Simulation) async throws -> [Violation]
    ) -> SimulationRun {
        let first = Attempt(seed, faults, [], steps, scenario)
        guard let rule = first.rule else { return SimulationRun(first, nil) }
        var best = first
        var hasShrunk = true
        while hasShrunk {
            hasShrunk = false
            for fault in best.faults {
                let attempt = Attempt(seed, faults, best.suppressed.union([fault.id]), steps, scenario)
                guard attempt.rule == rule else { continue }
                best = attempt
                hasShrunk = true
                break
            }
        }
        let history = best.simulation.history
        let failure = SimulationFailure(
            seed: seed,
            violations: best.violations,
            error: best.error,
            faults: best.faults,
            faultsBefore: first.faults.count,
            timeline: history.timeline(of: best.error == nil ? Set(best.violations.flatMap(\.events)) : nil)
        )
        return SimulationRun(first, failure)
    }
}

/// A run, with some of the seed's faults left out.
private struct Attempt {
    let simulation: Simulation
    let suppressed: Set<InjectedFault.ID>
    var violations: [Violation] = []
    var error: (any Error)?

    /// The first promise that was broken; a reduced run has to break the same one.
    var rule: String? { self.violations.first?.rule ?? self.error.map { "\(type(of: $0))" } }

    var faults: [InjectedFault] { self.simulation.injectedFaults }

    init(
        _ seed: UInt64,
        _ faults: Faults,
        _ suppressed: Set<InjectedFault.ID>,
        _ steps: Int,
        _ scenario: @escaping @Sendable (Simulation) async throws -> [Violation]
    ) {
        let (result, simulation) = Simulation.attempt(seed, faults, suppressed, steps, scenario)
        self.simulation = simulation
        self.suppressed = suppressed
        switch result {
        case .success(let violations): self.violations = violations
        case .failure(let error): self.error = error
        }
    }
}
