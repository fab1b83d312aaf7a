// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Dispatch
import EventBusTesting
import Foundation
import WholeFlow

// simulate [--scenario name] [--seeds N] [--from n] [--twice] [--stop-at-first] | --seed n

let options: Options
do {
    options = try Options(CommandLine.arguments.dropFirst())
} catch {
    FileHandle.standardError.write(Data("simulate: \(error.text)\n".utf8))
    exit(2)
}

func simulate(_ seed: UInt64) -> SimulationRun {
    switch options.scenario {
    case .wholeFlow: WholeFlow.run(seed: seed)
    case .rollingUpgrade: RollingUpgrade.run(seed: seed)
    }
}

func result(of seed: UInt64) -> SeedResult {
    let run = simulate(seed)
    return SeedResult(
        faults: run.faults.count,
        steps: run.steps,
        failure: run.failure,
        fingerprints: options.isTwice ? [run.fingerprint, simulate(seed).fingerprint] : [],
        timeline: options.isVerbose ? run.history.timeline() : nil
    )
}

let start = ContinuousClock.now
let report = Report(options)
// Simulations share nothing: each runs on one thread, one on each processor. These are threads of our own, since a dispatch
// queue starts fewer on a busy machine.
let workers = DispatchGroup()
for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
    workers.enter()
    Thread.detachNewThread {
        while let seed = report.nextSeed() { report.add(result(of: seed), of: seed) }
        workers.leave()
    }
}
workers.wait()

let seconds = (ContinuousClock.now - start) / .seconds(1)
let totals = report.totals
print("\(totals.faults) faults, \(totals.steps) steps, at most \(totals.mostSteps) of one seed")
if options.isTwice { print("fingerprint of all seeds: \(String(totals.fingerprint, radix: 16))") }
print("\(totals.seeds) seeds, \(totals.violations) violations, \(Int(Double(totals.seeds) / seconds)) seeds/s")
exit(totals.violations == 0 ? 0 : 1)
