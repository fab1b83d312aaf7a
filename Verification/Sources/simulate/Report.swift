// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import Synchronization

/// What one seed has shown.
struct SeedResult: Sendable {
    let faults: Int
    let steps: Int
    let failure: SimulationFailure?
    /// One for each run of the seed; empty when it ran once only.
    let fingerprints: [UInt64]
    /// What happened, when it is to be printed.
    let timeline: String?
}

/// Hands out seeds and reports their results in the order of the seeds, whichever ends first.
final class Report: Sendable {
    struct Totals: Sendable {
        var seeds = 0
        var violations = 0
        var faults = 0
        var steps = 0
        /// The most that one seed has taken.
        var mostSteps = 0
        /// Combines the fingerprints of all seeds: the same in every process in which all seeds take the same steps.
        var fingerprint: UInt64 = 0
    }

    private struct State: Sendable {
        var totals = Totals()
        var nextToRun: UInt64
        var nextToReport: UInt64
        var isStopped = false
        /// Results of seeds whose predecessors are still running.
        var early: [UInt64: SeedResult] = [:]
        var lastProgress = ContinuousClock.now
    }

    private let options: Options
    private let state: Mutex<State>

    init(_ options: Options) {
        self.options = options
        self.state = Mutex(State(nextToRun: options.seeds.lowerBound, nextToReport: options.seeds.lowerBound))
    }

    var totals: Totals { self.state.withLock { $0.totals } }

    /// The next seed to run; `nil` when there is none left.
    func nextSeed() -> UInt64? {
        self.state.withLock { state in
            guard !state.isStopped, state.nextToRun <= self.options.seeds.upperBound else { return nil }
            defer { state.nextToRun += 1 }
            return state.nextToRun
        }
    }

    func add(_ result: SeedResult, of seed: UInt64) {
        self.state.withLock { state in
            state.early[seed] = result
            while !state.isStopped, let next = state.early.removeValue(forKey: state.nextToReport) {
                self.print(next, of: state.nextToReport, &state.totals)
                state.isStopped = self.options.stopsAtFirst && state.totals.violations > 0
                state.nextToReport += 1
            }
            if .now - state.lastProgress > .seconds(5) {
                state.lastProgress = .now
                let totals = state.totals
                Swift.print("… \(totals.seeds) of \(self.options.seeds.count) seeds, \(totals.violations) violations")
                fflush(nil)
            }
        }
    }

    private func print(_ result: SeedResult, of seed: UInt64, _ totals: inout Totals) {
        totals.seeds += 1
        totals.faults += result.faults
        totals.steps += result.steps
        totals.mostSteps = max(totals.mostSteps, result.steps)
        if let failure = result.failure {
            totals.violations += 1
            Swift.print(totals.violations <= 3 ? "\(failure)" : "Seed \(seed) fails: \(failure.summary)")
            let scenario = self.options.scenario == .wholeFlow ? "" : "--scenario \(self.options.scenario.rawValue) "
            Swift.print("again: scripts/simulate \(scenario)--seed \(seed)")
        } else if let timeline = result.timeline {
            Swift.print(timeline)
        }
        guard let fingerprint = result.fingerprints.first else { return }
        totals.fingerprint = (totals.fingerprint ^ fingerprint) &* 0x100_0000_01b3
        if result.fingerprints.contains(where: { $0 != fingerprint }) {
            totals.violations += 1
            Swift.print("Seed \(seed) does not take the same steps twice")
        }
    }
}

extension SimulationFailure {
    /// The first thing that went wrong, in one line.
    fileprivate var summary: String {
        let text = self.violations.first.map { "\($0)" } ?? self.error.map { "\($0)" } ?? ""
        return text.split(separator: "\n").prefix(3).joined(separator: ";")
    }
}
