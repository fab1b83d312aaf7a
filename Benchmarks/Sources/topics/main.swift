// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Measuring

let arguments = try Arguments(["unseen": ["patterns", "seconds"], "seen": ["patterns", "seconds"]])
let patterns = try arguments.number("patterns", or: 1000)
let seconds = Double(try arguments.number("seconds", or: 3))

switch arguments.command {
case "unseen":
    var lookups = try Lookups(patterns: patterns)
    try lookups.measureUnseen(for: seconds).report()
case "seen":
    var lookups = try Lookups(patterns: patterns)
    try lookups.measureSeen(for: seconds).report()
default: throw BenchmarkFailure("\(arguments.command) is neither unseen nor seen")
}
