// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import EventBusPostgres
import Foundation

// relays [--relays N] [--seconds N]: processes whose relays share an outbox, killed and stopped at random, while keyed events are
// written; then judges what they have published. Needs DATABASE_URL.
// relays relay SCHEMA JOURNAL: one of these processes.

func fail(_ text: String) -> Never {
    FileHandle.standardError.write(Data("relays: \(text)\n".utf8))
    exit(2)
}

var words = CommandLine.arguments.dropFirst()
guard let url = ProcessInfo.processInfo.environment["DATABASE_URL"] else { fail("DATABASE_URL is not set") }
let configuration = try PostgresConfiguration(url: url)

if words.first == "relay" {
    words.removeFirst()
    guard words.count == 2, let schema = words.popFirst(), let path = words.popFirst() else {
        fail("relay SCHEMA JOURNAL")
    }
    let store = try PostgresStore(configuration, schema: schema)
    let relay = OutboxRelay(from: store, to: try JournalBus(path))
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await store.run() }
        group.addTask { try await relay.run() }
        try await group.waitForAll()
    }
    exit(0)
}

var soak = Soak(configuration)
while let word = words.popFirst() {
    guard let number = words.popFirst().flatMap({ Int($0) }), number > 0 else { fail("\(word) needs a number") }
    switch word {
    case "--relays": soak.relays = number
    case "--seconds": soak.seconds = number
    default: fail("\(word) is unknown")
    }
}
guard soak.relays > 1 else { fail("one relay has nobody who takes over") }
let problems = try await soak.run()
for problem in problems.prefix(20) { print(problem) }
print("\(problems.count) violations")
exit(problems.isEmpty ? 0 : 1)
