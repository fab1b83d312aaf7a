// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import WholeFlow

// settle [N]: repeats a test that settles, each time with another seed; the last line shows failures and times.

guard let count = UInt64(CommandLine.arguments.dropFirst().first ?? "10000"), count > 0 else {
    FileHandle.standardError.write(Data("settle: how often?\n".utf8))
    exit(2)
}
let clock = ContinuousClock()
var times: [Duration] = []
var failures = 0
for seed in 1...count {
    let start = clock.now
    do {
        if try !WholeFlow.registersOneUser(seed: seed) {
            failures += 1
            print("Seed \(seed): the user has no account")
        }
    } catch {
        failures += 1
        print("Seed \(seed): \(error)")
    }
    times.append(clock.now - start)
}
times.sort()

let (median, slow) = (times[times.count / 2], times[(times.count - 1) * 99 / 100])
let figures = "median \(Int(median / .microseconds(1))) µs, p99 \(Int(slow / .microseconds(1))) µs"
print("\(count) repetitions, \(failures) failures, \(figures)")
exit(failures == 0 ? 0 : 1)
