// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import WholeFlow

// simulate [--seeds N] [--from n] [--twice] [--stop-at-first] | --seed n

let options: Options
do {
    options = try Options(CommandLine.arguments.dropFirst())
} catch {
    FileHandle.standardError.write(Data("simulate: \(error.text)\n".utf8))
    exit(2)
}

let clock = ContinuousClock()
let start = clock.now
var lastReport = start
var violations = 0
var faults = 0
var steps = 0
var done = 0
/// The same in every process, if all seeds take the same ways there.
var ways: UInt64 = 0

for seed in options.seeds {
    let run = WholeFlow.run(seed: seed)
    done += 1
    faults += run.faults.count
    steps += run.steps
    if let failure = run.failure {
        violations += 1
        print(violations <= 3 ? "\(failure)" : "Seed \(seed) fails")
        print("again: scripts/simulate --seed \(seed)")
    } else if options.isVerbose {
        print(run.history.timeline())
    }
    if options.isTwice {
        let fingerprint = run.fingerprint
        ways = (ways ^ fingerprint) &* 0x100_0000_01b3
        if fingerprint != WholeFlow.run(seed: seed).fingerprint {
            violations += 1
            print("Seed \(seed) does not take the same way twice")
        }
    }
    if violations > 0, options.stopsAtFirst { break }
    if clock.now - lastReport > .seconds(5) {
        lastReport = clock.now
        print("… \(done) of \(options.seeds.count) seeds, \(violations) violations")
        fflush(nil)
    }
}

let seconds = (clock.now - start) / .seconds(1)
print("\(faults) faults, \(steps) steps")
if options.isTwice { print("fingerprint of all ways: \(String(ways, radix: 16))") }
print("\(done) seeds, \(violations) violations, \(Int(Double(done) / seconds)) seeds/s")
exit(violations == 0 ? 0 : 1)
