// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
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
                // Of two with one address either may come first.
                for index in stride(from: 0, to: 12, by: 3) {
                    #expect(errors[index] == nil)
                    let failed = errors[(index + 1)...(index + 2)].compactMap { $0 }
                    #expect(failed.map { $0.isConflict(on: Person.byEmail) } == [true])
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
                let conflicts = [errors[1], errors[3]].compactMap { $0 }
                #expect(conflicts.map { $0.isConflict(on: Person.byBadge) } == [true])
                #expect([errors[0], errors[2], errors[4]].allSatisfy { $0 == nil })
                #expect(try await Self.transactions(schema).first?.first == "4")
            }
        }
    }

    @Test func whoWaitsForARowDoesNotHoldUpThoseThatShareItsCommit() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 2) { other in
                try await schema.withStore(connections: 2) { store in
                    let repository = other.repository(for: Person.self)
                    let (taken, people) = (Person("taken@example.org"), (0..<4).map { Person("\($0)@example.org") })
                    let waits = try await other.transaction { transaction in
                        try repository.insert(taken, in: transaction)
                        _ = try await repository.find(taken.id, in: transaction)
                        // All in one batch, whose second transaction waits for this one.
                        let batch = [people[0], Person("taken@example.org")] + people[1...]
                        let insertion = Task { try await Self.insert(batch, into: store) }
                        try await eventually(within: .seconds(20), "the others are inserted") {
                            try await other.repository(for: Person.self).find(people[3].id) != nil
                        }
                        return insertion
                    }
                    let errors = try await waits.value
                    #expect(errors.map { $0?.isConflict(on: Person.byEmail) } == [nil, true, nil, nil, nil])
                }
            }
        }
    }

    @Test func batchesThatWaitForEachOtherInsertEveryoneOnce() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { first in
                try await schema.withStore(connections: 1) { second in
                    let addresses = (0..<8).map { "\($0)@example.org" }
                    async let forwards = Self.insert(addresses.map { Person($0) }, into: first)
                    let backwards = try await Self.insert(addresses.reversed().map { Person($0) }, into: second)
                    for (one, other) in zip(try await forwards, backwards.reversed()) {
                        let conflicts = [one, other].compactMap { $0 }
                        #expect(conflicts.map { $0.isConflict(on: Person.byEmail) } == [true])
                    }
                }
            }
        }
    }
}
