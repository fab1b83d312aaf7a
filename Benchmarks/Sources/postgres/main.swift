// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Measuring

let arguments = try Arguments([
    "register": ["connections", "tasks", "on", "seconds"], "select": ["connections", "tasks", "on", "seconds"],
    "consume": ["connections", "batch", "seconds"], "relay": ["rows", "bytes"],
    "relay-batches": ["waiting", "unheard", "batches"],
    "relay-dead": ["rows", "dead"], "relay-keys": ["seconds", "age"],
])
let seconds = Double(try arguments.number("seconds", or: 3))
let thread = try WorkingThread(arguments.text("on", or: "pool"))
let connections = try arguments.number("connections", or: 8)

switch arguments.command {
case "register":
    let tasks = try arguments.number("tasks", or: 32)
    try await RunningStore(connections: connections, Account.migrations).run { store in
        try await Transactions(store, tasks: tasks, on: thread).register(for: seconds)
    }
case "select":
    let tasks = try arguments.number("tasks", or: 64)
    try await RunningStore(connections: connections, Account.migrations + [AccountFill.migration]).run { store in
        try await Transactions(store, tasks: tasks, on: thread).select(for: seconds)
    }
case "consume":
    let batch = try arguments.number("batch", or: 64)
    try await RunningStore(connections: connections, Account.migrations).run { store in
        try await Consuming(store, batch: batch).measure(for: seconds)
    }
case "relay":
    let rows = try arguments.number("rows", or: 100_000)
    let bytes = try arguments.number("bytes", or: 256, atLeast: 11)
    try await RunningStore(connections: connections, [OutboxFill.migration(rows: rows, bytes: bytes)]).run { store in
        try await Relaying(store).measure(events: rows)
    }
case "relay-batches":
    let waiting = try arguments.number("waiting", or: 0, atLeast: 0)
    let batches = try arguments.number("batches", or: 50)
    let rows = max(waiting, Relaying.rows(batches))
    let unheard = try arguments.number("unheard", or: 0, atLeast: 0)
    let fill = OutboxFill.migration(rows: rows, unheard: unheard)
    try await RunningStore(connections: connections, [fill]).run { store in
        try await Relaying(store).measure(batches: batches)
    }
case "relay-dead":
    let rows = try arguments.number("rows", or: 100_000)
    let dead = try arguments.number("dead", or: 0, atLeast: 0)
    let migrations = Account.migrations + [OutboxFill.migration(rows: dead, version: 1000)]
    try await RunningStore(connections: connections, migrations).run { store in
        try await Relaying(store).measure(events: rows, behindDead: dead)
    }
case "relay-keys":
    let age = try arguments.number("age", or: 0, atLeast: 0)
    try await RunningStore(connections: connections, Account.migrations).run { store in
        try await Relaying(store).measure(seconds: Int(seconds), besideTransactionOf: age)
    }
default:
    throw BenchmarkFailure(
        "\(arguments.command) is none of register, select, consume, relay, relay-batches, relay-dead, relay-keys"
    )
}
