// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusPostgres

/// A transaction that has written something and stays open, so that nothing that others delete can be cleaned away.
enum LongTransaction {
    static func open(
        in store: PostgresStore,
        while body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let accounts = store.repository(for: Account.self)
        let (hasBegun, begun) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await store.transaction { transaction in
                    try accounts.insert(Account(), in: transaction)
                    _ = try await accounts.find(Stamp.next().id, in: transaction)
                    begun.finish()
                    try await Task.sleep(for: .seconds(3600))
                }
            }
            for await _ in hasBegun {}
            try await body()
            group.cancelAll()
            while let _ = try? await group.next() {}
        }
    }
}

/// Commits of events at a steady rate, for a relay that works at the same time.
struct Committing {
    /// As many commits per second, one event each, whose keys take turns.
    static let (rate, keys) = (470, 6)

    let store: PostgresStore

    func run() async throws {
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<Self.keys {
                group.addTask {
                    for number in 0... {
                        let due = start + .seconds(1) / Self.rate * (number * Self.keys + lane)
                        if due > .now { try await Task.sleep(until: due) }
                        try await self.store.transaction { try $0.publish(Relayed(key: "key-\(lane)")) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// An event like those of `OutboxFill`.
struct Relayed: Event {
    static let topic = OutboxFill.relayed
    let text = String(repeating: "x", count: 245)
    let key: String?

    var orderingKey: String? { self.key }

    init(key: String?) { self.key = key }

    private enum CodingKeys: CodingKey { case text }

    init(from decoder: any Decoder) throws { self.key = nil }
}
