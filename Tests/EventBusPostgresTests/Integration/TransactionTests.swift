// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Foundation
import Testing

@testable import EventBusPostgres

@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct TransactionTests {
    @Test func aModelIsReadAsItWasWritten() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                var person = Person("Zoë@Example.org", badge: 7)
                person.nickname = ""
                try await store.transaction { try people.insert(person, in: $0) }
                #expect(try await people.find(person.id) == person)
                #expect(try await people.find(by: Person.byEmail, "zoë@eXample.ORG") == person)
                #expect(try await people.find(by: Person.byBadge, Int64(7)) == person)
                #expect(try await people.find(by: Person.byEmail, "ZOË@example.org") == nil)
                #expect(try await people.find(by: Person.byEmail, "nul\0") == nil)
                #expect(try await people.find(Stamp.next().id) == nil)
            }
        }
    }

    @Test func cancelledCallersLoseNoConnection() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 2) { store in
                let people = store.repository(for: Person.self)
                for round in 0..<20 {
                    await withTaskGroup(of: Void.self) { group in
                        for _ in 0..<40 {
                            group.addTask {
                                try? await store.transaction { _ = try await people.find(Stamp.next().id, in: $0) }
                            }
                        }
                        for _ in 0..<(round * 20) { await Task.yield() }
                        group.cancelAll()
                    }
                    // Without a free connection it would fail after the time limit for waiting callers.
                    try await store.transaction { try people.insert(Person("\(round)@example.org"), in: $0) }
                }
            }
        }
    }

    @Test func aTakenUniqueKeyIsAConflictAndNothingIsCommitted() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                let first = Person("ann@example.org")
                try await store.transaction { try people.insert(first, in: $0) }
                let other = Person("bob@example.org")
                let error = await #expect(throws: RepositoryError.self) {
                    try await store.transaction { transaction in
                        try people.insert(other, in: transaction)
                        try transaction.publish(Greeted(number: 1))
                        try people.insert(Person("ANN@example.org"), in: transaction)
                        try people.insert(Person("cy@example.org"), in: transaction)
                    }
                }
                #expect(error?.isConflict(on: Person.byEmail) == true)
                #expect(try await people.find(other.id) == nil)
                #expect(try await store.outbox.oldest() == nil)
                // The connection can still be used.
                try await store.transaction { try people.insert(other, in: $0) }
                #expect(try await people.find(other.id) == other)
            }
        }
    }

    @Test func theSameIDTwiceIsAConflictOnThePrimaryKey() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                let person = Person("ann@example.org")
                let error = await #expect(throws: RepositoryError.self) {
                    try await store.transaction { transaction in
                        try people.insert(person, in: transaction)
                        try people.insert(person, in: transaction)
                    }
                }
                #expect(error?.code == .conflict)
                #expect(error?.key == "people_pkey")
            }
        }
    }

    @Test(arguments: [false, true])
    func aConflictAtCommitIsReportedAsSuch(reading: Bool) async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                try await store.transaction { try people.insert(Person("a@example.org", badge: 1), in: $0) }
                let error = await #expect(throws: RepositoryError.self) {
                    try await store.transaction { transaction in
                        if reading { _ = try await people.find(Stamp.next().id, in: transaction) }
                        try people.insert(Person("b@example.org", badge: 1), in: transaction)
                    }
                }
                #expect(error?.isConflict(on: Person.byBadge) == true)
                #expect(try await people.find(by: Person.byEmail, "b@example.org") == nil)
                try await store.transaction { try people.insert(Person("c@example.org", badge: 2), in: $0) }
            }
        }
    }

    @Test(arguments: [false, true])
    func anUpdateOfAMissingRowFailsTheTransaction(reading: Bool) async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                var person = Person("a@example.org")
                let missing = Person("b@example.org")
                try await store.transaction { try people.insert(person, in: $0) }
                person.score = 2
                let changed = person
                let error = await #expect(throws: RepositoryError.self) {
                    try await store.transaction { transaction in
                        try people.update(changed, in: transaction)
                        try people.update(missing, in: transaction)
                        if reading { _ = try await people.find(missing.id, in: transaction) }
                    }
                }
                #expect(error?.code == .notFound)
                #expect(try await people.find(person.id)?.score == 0.1 + 0.2)
                try await store.transaction { try people.update(changed, in: $0) }
                #expect(try await people.find(person.id) == changed)
            }
        }
    }

    @Test func onlyReadsInTheTransactionSeeItsWrites() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org")
                try await store.transaction { transaction in
                    try people.insert(person, in: transaction)
                    #expect(try await people.find(person.id, in: transaction) == person)
                    #expect(try await people.find(by: Person.byEmail, "A@example.org", in: transaction) == person)
                    #expect(try await people.find(person.id) == nil)
                }
                #expect(try await people.find(person.id) == person)
            }
        }
    }

    @Test func aCaughtErrorStillFailsTheTransaction() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org")
                try await store.transaction { try people.insert(person, in: $0) }
                let later = Person("later@example.org")
                let error = await #expect(throws: RepositoryError.self) {
                    try await store.transaction { transaction in
                        try people.insert(Person("A@example.org"), in: transaction)
                        _ = try? await people.find(person.id, in: transaction)
                        try? people.insert(later, in: transaction)
                    }
                }
                #expect(error?.isConflict(on: Person.byEmail) == true)
                #expect(try await people.find(later.id) == nil)
            }
        }
    }

    @Test func anErrorOfTheBodyRollsTheTransactionBack() async throws {
        struct Changed: Error {}
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { store in
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org")
                let attempt: @Sendable () async throws -> Void = {
                    try await store.transaction { transaction in
                        try people.insert(person, in: transaction)
                        if try await people.find(person.id, in: transaction) != nil { throw Changed() }
                    }
                }
                await #expect(throws: Changed.self) { try await attempt() }
                let found = try await people.find(person.id)
                #expect(found == nil)
            }
        }
    }

    @Test func onlyATransactionThatReadsOpensAnExplicitOne() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { store in
                let people = store.repository(for: Person.self)
                let prepared = {
                    let begin = "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'BEGIN'"
                    return try await store.storage.read(Statement(begin))[0].int8(0)
                }
                try await store.transaction { transaction in
                    try people.insert(Person("a@example.org"), in: transaction)
                    try transaction.publish(Greeted(number: 1))
                }
                #expect(try await prepared() == 0)
                try await store.transaction { _ = try await people.find(Stamp.next().id, in: $0) }
                #expect(try await prepared() == 1)
            }
        }
    }

    @Test func aValueThatPostgresCannotStoreIsRejectedBeforeItIsSent() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                let error = await #expect(throws: RepositoryError.self) {
                    try await store.transaction { try people.insert(Person("nul\0@example.org"), in: $0) }
                }
                #expect(error?.code == .invalidValue)
            }
        }
    }

    @Test func tenMegabytesGoBothWays() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                let photo = (0..<10_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
                let person = Person("big@example.org", photo: photo)
                try await store.transaction { transaction in
                    try people.insert(person, in: transaction)
                    #expect(try await people.find(person.id, in: transaction)?.photo == photo)
                }
                let sizes = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<8 { group.addTask { try await people.find(person.id)?.photo.count ?? 0 } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(sizes == Array(repeating: photo.count, count: 8))
            }
        }
    }

    @Test func anEndedOrForeignTransactionIsRejected() async throws {
        try await TestSchema.with { schema in
            let other = InMemoryStore()
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                let error = await #expect(throws: RepositoryError.self) {
                    try await other.transaction { try people.insert(Person("a@example.org"), in: $0) }
                }
                #expect(error?.code == .foreignTransaction)
            }
        }
    }

    @Test func manyTransactionsAtOnceAllCommit() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<400 {
                        group.addTask {
                            try await store.transaction { transaction in
                                let person = Person("p\(number)@example.org")
                                try people.insert(person, in: transaction)
                                if number % 3 == 0 { _ = try await people.find(person.id, in: transaction) }
                                try transaction.publish(Greeted(number: number))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let rows = try await store.storage.read(Statement("SELECT count(*) FROM eventbus_outbox"))
                #expect(try rows[0].int8(0) == 400)
            }
        }
    }
}
