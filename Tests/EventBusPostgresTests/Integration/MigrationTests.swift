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
                    ["eventbus", "4", "the outbox is read in the order of its ids"], ["module", "1", "people"],
                    ["module", "2", "it's slow"],
                ]
            )
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
