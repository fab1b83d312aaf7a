// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Testing

@testable import EventBusPostgres

@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct MigrationTests {
    @Test func fiveConcurrentInstancesMigrateOnce() async throws {
        try await TestSchema.with { schema in
            let slow =
                Person.migrations + [Migration(2, "it's slow", sql: "SELECT pg_sleep(0.3); CREATE TABLE once (id int)")]
            let stores = try (0..<5).map { _ in try schema.store(migrations: slow) }
            try await running(stores[0], stores[1], stores[2], stores[3], stores[4]) {
                for store in stores { #expect(store.health.isReady) }
            }
            let rows = try await Database.execute(
                "SELECT owner, version, name FROM \(schema.name).eventbus_migrations ORDER BY owner, version"
            )
            #expect(
                rows == [
                    ["eventbus", "1", "outbox, inbox and claims"], ["eventbus", "2", "claims that can be repeated"],
                    ["eventbus", "3", "events are identified by source and id"],
                    ["eventbus", "4", "the outbox is read in the order of its ids"],
                    ["eventbus", "5", "what waits is found by the hash of its key"], ["module", "1", "people"],
                    ["module", "2", "it's slow"],
                ]
            )
        }
    }

    private static let index = Migration(
        2,
        "index on score",
        outsideTransaction: [
            "DROP INDEX CONCURRENTLY IF EXISTS people_score",
            "CREATE UNIQUE INDEX CONCURRENTLY people_score ON people (score)",
        ]
    )

    private static func isIndexValid(_ schema: TestSchema) async throws -> [[String?]] {
        let index = "to_regclass('\(schema.name).people_score')"
        return try await Database.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = \(index)")
    }

    /// An instance that waits for the lock must not hold up what the owner of the lock waits for.
    @Test func fiveConcurrentInstancesCreateAnIndexConcurrently() async throws {
        try await TestSchema.with { schema in
            let stores = try (0..<5).map { _ in try schema.store(migrations: Person.migrations + [Self.index]) }
            try await running(stores[0], stores[1], stores[2], stores[3], stores[4]) {
                for store in stores { #expect(store.health.isReady) }
            }
            #expect(try await Self.isIndexValid(schema) == [["t"]])
            let steps = "SELECT count(*) FROM \(schema.name).eventbus_migrations WHERE owner = 'module'"
            #expect(try await Database.execute(steps) == [["2"]])
        }
    }

    @Test func aStepOutsideOfATransactionIsRepeatedFromItsFirstStatement() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                for name in ["a", "b"] { try await store.transaction { try people.insert(Person(name), in: $0) } }
            }
            let store = try schema.store(migrations: Person.migrations + [Self.index])
            let error = await #expect(throws: RepositoryError.self) { try await store.run() }
            #expect(error?.code == .migration)
            #expect(error?.message.contains("23505") == true)
            #expect(try await Self.isIndexValid(schema) == [["f"]])
            try await Database.execute("DELETE FROM \(schema.name).people WHERE email = 'b'")
            try await schema.withStore(migrations: Person.migrations + [Self.index]) { _ in }
            #expect(try await Self.isIndexValid(schema) == [["t"]])
        }
    }

    @Test func aChangedMigrationStopsTheStore() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { _ in }
            let changed = [Migration(1, "people", sql: Person.migrations[0].sql + " ")]
            let error = await #expect(throws: RepositoryError.self) {
                try await schema.store(migrations: changed).run()
            }
            #expect(error?.code == .migration)
        }
    }

    @Test func aFailedMigrationIsRolledBackAndStopsTheStore() async throws {
        try await TestSchema.with { schema in
            let broken = [Migration(1, "broken", sql: "CREATE TABLE half (id int); CREATE TABLE half (id int)")]
            let error = await #expect(throws: RepositoryError.self) { try await schema.store(migrations: broken).run() }
            #expect(error?.code == .migration)
            #expect(try await Database.execute("SELECT to_regclass('\(schema.name).half') IS NULL") == [["t"]])
            let fixed = [Migration(1, "fixed", sql: "CREATE TABLE half (id int)")]
            try await schema.withStore(migrations: fixed) { _ in }
        }
    }

    @Test func anOlderReleaseRunsBesideANewerOne() async throws {
        try await TestSchema.with { schema in
            let newer = Person.migrations + [Migration(2, "more", sql: "CREATE TABLE more (id int)")]
            try await schema.withStore(migrations: newer) { _ in }
            try await schema.withStore { store in #expect(store.health.isReady) }
        }
    }
}
