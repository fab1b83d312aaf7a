// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Measuring

// Does one thing a number of times, for a program that counts instructions: hot-paths deliver|match|encode|decode COUNT

let arguments = CommandLine.arguments
guard arguments.count == 3, let count = Int(arguments[2]), count >= 0 else {
    throw BenchmarkFailure("usage: hot-paths deliver|match|encode|decode COUNT")
}

switch arguments[1] {
case "deliver": try await HotPaths.deliver(count)
case "match": HotPaths.match(count)
case "encode": try HotPaths.encode(count)
case "decode": try HotPaths.decode(count)
default: throw BenchmarkFailure("\(arguments[1]) is none of deliver, match, encode, decode")
}
