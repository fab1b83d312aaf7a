// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusRabbit
import Measuring

let arguments = try Arguments([
    "publish": ["batch", "tasks", "window", "on", "seconds"],
    "consume": ["properties", "count", "prefetch", "decode", "on"],
    "consume-typed": ["count", "prefetch"], "latency": ["rate", "on", "seconds"],
])
let bus = try RunningBus()
let seconds = Double(try arguments.number("seconds", or: 4))
let prefetch = try arguments.number("prefetch", or: 500)
let thread = try WorkingThread(arguments.text("on", or: "pool"))

switch arguments.command {
case "publish":
    let batch = try arguments.number("batch", or: 64)
    let tasks = try arguments.number("tasks", or: max(1, arguments.number("window", or: 512) / batch))
    try await bus.run { bus in
        try await Publishing(batch: batch, tasks: tasks, on: thread, bus).measure(for: seconds)
    }
case "consume":
    let count = try arguments.number("count", or: 300_000)
    let isDecoding = arguments.text("decode", or: "no") == "yes"
    let properties = try Consuming.Properties(arguments.text("properties", or: "all"))
    try await bus.run { bus in
        try await Consuming(count: count, prefetch: prefetch, bus).measure(
            properties,
            isDecoding: isDecoding,
            on: thread
        )
    }
case "consume-typed":
    let count = try arguments.number("count", or: 200_000)
    try await bus.run { bus in try await Consuming(count: count, prefetch: prefetch, bus).measureTyped() }
case "latency":
    let rate = try arguments.number("rate", or: 1000)
    try await bus.run { bus in try await Latency(rate: rate, on: thread, bus).measure(for: seconds) }
default:
    throw BenchmarkFailure("\(arguments.command) is none of publish, consume, consume-typed, latency")
}
