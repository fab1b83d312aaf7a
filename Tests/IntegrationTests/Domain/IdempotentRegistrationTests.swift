// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusPostgres
import EventBusUsers
import Testing

/// What only a database can show of idempotency keys: that it decides between processes, and that it forgets.
@Suite(
    "Idempotent registration",
    .serialized,
    .enabled(if: Servers.isAvailable, Servers.reasonForSkipping),
    .timeLimit(.minutes(2))
)
struct IdempotentRegistrationTests {
    @Test("of many attempts with one key, on three stores at the same time, all get the one user")
    func manyStores() async throws {
        try await Self.withStores(3) { servers, stores in
            for round in 0..<20 {
                let key = try IdempotencyKey("key-\(round)")
                let ids = try await withThrowingTaskGroup(of: Identifier.self) { group in
                    for attempt in 0..<24 {
                        let users = Users(store: stores[attempt % stores.count], hasher: CheapHasher())
                        group.addTask { try await users.register(.sample(round), key: key).id }
                    }
                    return try await group.reduce(into: Set<Identifier>()) { $0.insert($1) }
                }
                #expect(ids.count == 1)
            }
            for table in ["users", "registration_keys", "eventbus_outbox"] {
                #expect(try await servers.number("SELECT count(*) FROM users.\(table)") == 20, "\(table)")
            }
        }
    }

    @Test("of many registrations with one key, one succeeds, and the others are refused")
    func otherValues() async throws {
        try await Self.withStores(2) { servers, stores in
            let key = try IdempotencyKey("key")
            let refused = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<40 {
                    let users = Users(store: stores[number % stores.count], hasher: CheapHasher())
                    group.addTask {
                        do {
                            _ = try await users.register(.sample(number), key: key)
                            return false
                        } catch is IdempotencyKeyReused {
                            return true
                        }
                    }
                }
                return try await group.reduce(into: 0) { if $1 { $0 += 1 } }
            }
            #expect(refused == 39)
            #expect(try await servers.number("SELECT count(*) FROM users.users") == 1)
        }
    }

    @Test("an old key can be used again by one, and those that nobody uses are removed")
    func oldKeys() async throws {
        try await Self.withStores(1) { servers, stores in
            let users = Users(store: stores[0], hasher: CheapHasher())
            for number in 0..<5 { _ = try await users.register(.sample(number), key: IdempotencyKey("key-\(number)")) }
            _ = try await servers.query("UPDATE users.registration_keys SET used_at = now() - interval '26 hours'")
            let again = try await users.register(.sample(10), key: IdempotencyKey("key-4"))
            #expect(try await users.register(.sample(10), key: IdempotencyKey("key-4")).id == again.id)
            #expect(try await servers.number("SELECT count(*) FROM users.registration_keys") == 5)
            for number in 11..<13 {
                _ = try await users.register(.sample(number), key: IdempotencyKey("key-\(number)"))
            }
            let left = try await servers.query("SELECT key FROM users.registration_keys ORDER BY key")
            #expect(left == ["key-11", "key-12", "key-4"])
        }
    }

    private static func withStores(
        _ count: Int,
        _ body: (Servers, [PostgresStore]) async throws -> Void
    ) async throws {
        try await Servers.withFresh { servers in
            let database = try PostgresConfiguration(url: servers.databaseURL)
            let stores = try (0..<count).map { _ in
                try PostgresStore(database, schema: "users", migrations: Users.migrations)
            }
            try await whileRunningServices(stores) { try await body(servers, stores) }
        }
    }
}
