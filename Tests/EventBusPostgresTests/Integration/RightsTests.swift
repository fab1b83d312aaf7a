// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Testing

@testable import EventBusPostgres

/// Errors whose text has to say what somebody must mend.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(1)))
struct RightsTests {
    @Test func aMissingRightIsNamedWithItsTable() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { _ in }
            let (role, direct) = (schema.name, try Database.configuration())
            try await Database.execute(
                """
                CREATE ROLE \(role) LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA \(schema.name) TO \(role);
                GRANT ALL ON ALL TABLES IN SCHEMA \(schema.name) TO \(role);
                REVOKE INSERT, SELECT ON \(schema.name).people FROM \(role);
                """
            )
            let url = "postgres://\(role):secret@\(direct.hosts[0])/\(direct.database)"
            let store = try schema.store(at: try PostgresConfiguration(url: url))
            try await running(store) {
                let people = store.repository(for: Person.self)
                let reading = await failure { _ = try await people.find(Stamp.next().id) }
                #expect(reading?.code == .database)
                let denied = "permission denied for table people (42501)"
                #expect(reading?.message == "the role lacks a right for SELECT on \(schema.name).people: \(denied)")
                let writing = await failure { try await store.transaction { try people.insert(Person("a"), in: $0) } }
                #expect(writing?.message == "the role lacks a right for INSERT on \(schema.name).people: \(denied)")
            }
            try await Database.execute("DROP OWNED BY \(role) CASCADE; DROP ROLE \(role)")
        }
    }

    @Test func aMissingColumnIsNamedWithItsTable() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                try await Database.execute("ALTER TABLE \(schema.name).people RENAME nickname TO alias")
                let people = store.repository(for: Person.self)
                let reading = await failure { _ = try await people.find(Stamp.next().id) }
                #expect(reading?.code == .schemaMismatch)
                let missing = "column \"nickname\" does not exist (42703 in SELECT on \(schema.name).people)"
                #expect(reading?.message.contains(missing) == true)
                let writing = await failure { try await store.transaction { try people.insert(Person("a"), in: $0) } }
                #expect(writing?.message.contains("column \"nickname\" of relation \"people\" does not exist") == true)
            }
        }
    }
}
