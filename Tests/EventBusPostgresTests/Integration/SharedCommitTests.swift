// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Testing

@testable import EventBusPostgres

/// Transactions of several callers in one transaction of the server.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct SharedCommitTests {
    /// Begins one transaction for each person in the same turn of the store's thread; returns the errors in order.
    private static func insert(_ people: [Person], into store: PostgresStore) async throws -> [RepositoryError?] {
        let repository = store.repository(for: Person.self)
        _ = try await repository.find(Stamp.next().id)
        // Tasks that a task on the thread creates run after it, one after the other.
        return await Task(executorPreference: store.executor) {
            await withTaskGroup(of: (Int, RepositoryError?).self) { group in
                for (index, person) in people.enumerated() {
                    group.addTask(executorPreference: store.executor) {
                        do {
                            try await store.transaction { transaction in
                                try repository.insert(person, in: transaction)
                                try transaction.publish(Greeted(number: index))
                            }
                            return (index, nil)
                        } catch {
                            return (index, error as? RepositoryError)
                        }
                    }
                }
                return await group.reduce(into: Array(repeating: nil, count: people.count)) { $0[$1.0] = $1.1 }
            }
        }.value
    }

    private static func transactions(_ schema: TestSchema) async throws -> [[String?]] {
        try await Database.execute("SELECT count(*), count(DISTINCT xmin::text) FROM \(schema.name).people")
    }

    @Test func insertsOfSeveralCallersShareACommit() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { store in
                let errors = try await Self.insert((0..<10).map { Person("\($0)@example.org") }, into: store)
                #expect(errors.allSatisfy { $0 == nil })
                #expect(try await Self.transactions(schema) == [["10", "1"]])
                let events = try await Database.execute("SELECT count(*) FROM \(schema.name).eventbus_outbox")
                #expect(events == [["10"]])
            }
        }
    }

    @Test func aConflictFailsOnlyItsOwnTransaction() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { store in
                // Each third one has the address of the one before it.
                let people = (0..<12).map { Person("\($0 % 3 == 2 ? $0 - 1 : $0)@example.org") }
                let errors = try await Self.insert(people, into: store)
                for (index, error) in errors.enumerated() {
                    #expect((error == nil) == (index % 3 != 2), "\(index)")
                    #expect(error.map { $0.isConflict(on: Person.byEmail) } ?? true)
                }
                #expect(try await Self.transactions(schema).first?.first == "8")
                let events = try await Database.execute("SELECT count(*) FROM \(schema.name).eventbus_outbox")
                #expect(events == [["8"]])
            }
        }
    }

    @Test func aConflictAtTheCommitFailsOnlyItsOwnTransaction() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { store in
                let people = (0..<5).map { Person("\($0)@example.org", badge: $0 == 3 ? 1 : Int64($0)) }
                let errors = try await Self.insert(people, into: store)
                #expect(errors.map { $0?.isConflict(on: Person.byBadge) } == [nil, nil, nil, true, nil])
                #expect(try await Self.transactions(schema).first?.first == "4")
            }
        }
    }
}
