// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Foundation
import Testing

@testable import EventBusPostgres

@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct FaultTests {
    /// Terminates the sessions of a schema, and waits until they have ended.
    private static func terminate(_ schema: TestSchema) async throws {
        // The sessions of a schema are those with the schema in their search_path.
        let ended = try await Database.execute(
            """
            SELECT pid::text, pg_terminate_backend(pid)::text FROM pg_stat_activity
            WHERE application_name = '\(schema.name)'
            """
        )
        let pids = (["0"] + ended.compactMap { $0[0] }).joined(separator: ", ")
        try await eventually(within: .seconds(10), "sessions \(pids) to be gone") {
            try await Database.execute("SELECT count(*) FROM pg_stat_activity WHERE pid IN (\(pids))") == [["0"]]
        }
    }

    private static func store(_ schema: TestSchema, connections: Int = 8) throws -> PostgresStore {
        let url = try #require(Database.url)
        let separator = url.contains("?") ? "&" : "?"
        var configuration = try PostgresConfiguration(url: "\(url)\(separator)application_name=\(schema.name)")
        configuration.maximumConnections = connections
        configuration.waitTimeout = .milliseconds(500)
        return try PostgresStore(configuration, schema: schema.name, migrations: Person.migrations)
    }

    @Test func aSessionTerminatedInATransactionFailsOnlyThatOne() async throws {
        try await TestSchema.with { schema in
            let store = try Self.store(schema, connections: 1)
            try await running(store) {
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org")
                let error = await #expect(throws: RepositoryError.self) {
                    try await store.transaction { transaction in
                        try people.insert(person, in: transaction)
                        _ = try await people.find(person.id, in: transaction)
                        try await Self.terminate(schema)
                        _ = try await people.find(person.id, in: transaction)
                    }
                }
                #expect(error?.code == .unavailable)
                let found = try await people.find(person.id)
                #expect(found == nil)
                try await store.transaction { try people.insert(person, in: $0) }
            }
        }
    }

    @Test func aSessionTerminatedDuringACommitMakesItUnknown() async throws {
        try await TestSchema.with { schema in
            let store = try Self.store(schema)
            try await running(store) {
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org")
                try await store.transaction { try people.insert(person, in: $0) }
                // Another session has locked the row, so that the update waits while its session is terminated.
                try await Database.execute("BEGIN; SELECT FROM \(schema.name).people FOR UPDATE") {
                    async let failure: RepositoryError? = {
                        do {
                            try await store.transaction { try people.update(person, in: $0) }
                            return nil
                        } catch {
                            return error as? RepositoryError
                        }
                    }()
                    try await eventually(within: .seconds(10), "the other session to wait") {
                        let blocked = """
                            SELECT count(*) FROM pg_stat_activity
                            WHERE application_name = '\(schema.name)' AND wait_event_type = 'Lock'
                            """
                        return try await Database.execute(blocked) == [["1"]]
                    }
                    try await Self.terminate(schema)
                    let code = await failure?.code
                    #expect(code == .commitUnknown)
                }
            }
        }
    }

    @Test func sessionsThatEndWhileIdleAreReplacedWithoutAnError() async throws {
        try await TestSchema.with { schema in
            let store = try Self.store(schema)
            try await running(store) {
                let people = store.repository(for: Person.self)
                for round in 0..<3 {
                    try await store.transaction { try people.insert(Person("p\(round)@example.org"), in: $0) }
                    try await Self.terminate(schema)
                }
            }
        }
    }

    @Test func aCancelledTransactionLeavesTheConnectionUsable() async throws {
        try await TestSchema.with { schema in
            let store = try Self.store(schema, connections: 1)
            try await running(store) {
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org")
                let (started, starting) = AsyncStream.makeStream(of: Void.self)
                await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await store.transaction { transaction in
                            try people.insert(person, in: transaction)
                            _ = try await people.find(person.id, in: transaction)
                            starting.yield()
                            try await Task.sleep(for: .seconds(60))
                        }
                    }
                    for await _ in started { break }
                    group.cancelAll()
                    await #expect(throws: CancellationError.self) { try await group.next() }
                }
                let found = try await people.find(person.id)
                #expect(found == nil)
            }
        }
    }

    @Test func aCallerThatIsCancelledWhileItWaitsGetsACancellationErrorAtOnce() async throws {
        try await TestSchema.with { schema in
            let store = try Self.store(schema, connections: 1)
            try await running(store) {
                let people = store.repository(for: Person.self)
                try await store.transaction { transaction in
                    _ = try await people.find(Stamp.next().id, in: transaction)
                    // A caller of its own: this one, and what belongs to it, must not wait for itself.
                    let caller = Task.detached {
                        try await store.transaction { try people.insert(Person("b@example.org"), in: $0) }
                    }
                    caller.cancel()
                    await #expect(throws: CancellationError.self) { try await caller.value }
                }
            }
        }
    }

    @Test func aCallerThatWaitsTooLongForAConnectionTimesOut() async throws {
        try await TestSchema.with { schema in
            let store = try Self.store(schema, connections: 1)
            try await running(store) {
                let people = store.repository(for: Person.self)
                try await store.transaction { transaction in
                    _ = try await people.find(Stamp.next().id, in: transaction)
                    let caller = Task.detached { try await people.find(Stamp.next().id) }
                    let error = await #expect(throws: RepositoryError.self) { try await caller.value }
                    #expect(error?.code == .timedOut)
                    #expect(error?.description.contains("no connection became free in time") == true)
                }
                _ = try await people.find(Stamp.next().id)
            }
        }
    }

    @Test func aPreparedStatementIsPreparedAgainAfterASchemaChange() async throws {
        try await TestSchema.with { schema in
            let store = try Self.store(schema, connections: 1)
            try await running(store) {
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org")
                try await store.transaction { try people.insert(person, in: $0) }
                #expect(try await people.find(person.id) == person)
                try await Database.execute("ALTER TABLE \(schema.name).people ALTER COLUMN nickname TYPE varchar(100)")
                #expect(try await people.find(person.id) == person)
                // In a transaction it cannot be repeated alone.
                try await store.transaction { _ = try await people.find(person.id, in: $0) }
                try await Database.execute("ALTER TABLE \(schema.name).people ALTER COLUMN nickname TYPE varchar(50)")
                let error = await #expect(throws: RepositoryError.self) {
                    try await store.transaction { _ = try await people.find(person.id, in: $0) }
                }
                #expect(error?.code == .serialization)
                try await store.transaction { _ = try await people.find(person.id, in: $0) }
            }
        }
    }

    @Test func aRoleWithFewSessionsServesManyCallers() async throws {
        try await TestSchema.with { schema in
            let role = schema.name
            let database = try Database.configuration().database
            try await Database.execute(
                "CREATE ROLE \(role) LOGIN PASSWORD 'secret' CONNECTION LIMIT 3; GRANT CREATE ON DATABASE \(database) TO \(role)"
            )
            let admin = try Database.configuration()
            let url = "postgres://\(role):secret@\(admin.hosts[0])/\(database)"
            var configuration = try PostgresConfiguration(url: url)
            configuration.maximumConnections = 20
            let store = try PostgresStore(configuration, schema: schema.name, migrations: Person.migrations)
            try await running(store) {
                let people = store.repository(for: Person.self)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<40 {
                        group.addTask {
                            try await store.transaction { transaction in
                                let person = Person("p\(number)@example.org")
                                try people.insert(person, in: transaction)
                                _ = try await people.find(person.id, in: transaction)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try await Database.execute("DROP OWNED BY \(role) CASCADE; DROP ROLE \(role)")
        }
    }

    @Test func withoutAServerCallersFailAndTheStoreKeepsTrying() async throws {
        var configuration = try PostgresConfiguration(url: "postgres://nobody@127.0.0.1:1/none")
        configuration.waitTimeout = .milliseconds(100)
        let store = try PostgresStore(configuration, schema: "unreachable")
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            let error = await #expect(throws: RepositoryError.self) {
                try await store.transaction { try $0.publish(Greeted(number: 1)) }
            }
            #expect(error?.code == .unavailable)
            #expect(!store.health.isReady)
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
    }
}
