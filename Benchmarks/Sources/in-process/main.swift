// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Measuring

let arguments = try Arguments([
    "batch": ["batch", "subscriptions", "seconds"], "typed": ["seconds"], "json": ["seconds"],
])
let seconds = Double(try arguments.number("seconds", or: 3))

switch arguments.command {
case "batch":
    let batch = try arguments.number("batch", or: 64)
    let subscriptions = try arguments.number("subscriptions", or: 1)
    _ = try await Raw(batch: batch, subscriptions: subscriptions).measure(for: 0.2)
    try await Raw(batch: batch, subscriptions: subscriptions).measure(for: seconds).report()
case "typed":
    _ = try await Typed().measure(for: 0.2)
    try await Typed().measure(for: seconds).report()
case "json":
    _ = try JSONAlone.measure(for: 0.2)
    try JSONAlone.measure(for: seconds).report()
default:
    throw BenchmarkFailure("\(arguments.command) is none of batch, typed, json")
}
