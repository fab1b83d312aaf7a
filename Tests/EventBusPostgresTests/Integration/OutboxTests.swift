// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import Synchronization
import Testing

@testable import EventBusPersistence
@testable import EventBusPostgres

@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct OutboxTests {
    @Test func messagesAreReadAsTheyWereWrittenAndRemovedWhenPublished() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                var message = try Message(Greeted(number: 1, key: "k"))
                message.headers = [
                    "text": "a\0b", "int": 7, "bool": true, "double": .double(.infinity), "null": .null,
                    "time": .timestamp(Date(timeIntervalSince1970: 1000)), "bytes": .bytes([0, 255]),
                    "array": .array(["x", .table(["y": 1])]),
                ]
                message.body = [0, 1, 2, 255]
                let other = try Message(Left(number: 2))
                let context = PostgresTransaction(storage: store.storage)
                try context.publish(message)
                try context.publish(other)
                try await context.commit()
                #expect(try await store.outbox.oldest() == message.time)
                try await store.outbox.withOwnership { outbox in
                    let rows = try await outbox.exchange(published: [], limit: 10, except: HeldRows())
                    #expect(rows.map(\.message) == [message, other])
                    let rest = try await outbox.exchange(published: [rows[0].id], limit: 10, except: HeldRows())
                    #expect(rest.map(\.message) == [other])
                    _ = try await outbox.exchange(published: [rows[1].id], limit: 0, except: HeldRows())
                    #expect(try await outbox.exchange(published: [], limit: 10, except: HeldRows()).isEmpty)
                }
                #expect(try await store.outbox.oldest() == nil)
            }
        }
    }

    @Test func onlyTheOldestRowOfEachKeyIsEligibleAcrossTopicsAndHolds() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                try await store.transaction { transaction in
                    try transaction.publish(Greeted(number: 0, key: "a"))
                    try transaction.publish(Greeted(number: 1, key: "a"))
                    try transaction.publish(Left(number: 2))
                    try transaction.publish(Greeted(number: 3, key: "b"))
                    try transaction.publish(Greeted(number: 4))
                    try transaction.publish(Left(number: 5))
                }
                try await store.outbox.withOwnership { outbox in
                    let all = try await outbox.exchange(published: [], limit: 10, except: HeldRows())
                    #expect(all.map(\.number) == [0, 2, 3, 4, 5])
                    #expect(
                        try await outbox.exchange(published: [], limit: 2, except: HeldRows()).map(\.number) == [0, 2]
                    )
                    let heldTopic = HeldRows(topics: [Left.topic])
                    let greeted = try await outbox.exchange(published: [], limit: 10, except: heldTopic)
                    #expect(greeted.map(\.number) == [0, 3, 4])
                    let heldRow = HeldRows(rows: [all[0].id])
                    let later = try await outbox.exchange(published: [], limit: 10, except: heldRow)
                    #expect(later.map(\.number) == [2, 3, 4, 5])
                    let next = try await outbox.exchange(published: [all[0].id], limit: 1, except: HeldRows())
                    #expect(next.map(\.number) == [1])
                }
            }
        }
    }

    @Test func aKeyWithVeryManyRowsDoesNotBlockTheOthers() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                try await store.transaction { transaction in
                    for number in 0..<100 { try transaction.publish(Greeted(number: number, key: "hot")) }
                    for number in 100..<110 { try transaction.publish(Greeted(number: number, key: "key\(number)")) }
                }
                try await store.outbox.withOwnership { outbox in
                    let rows = try await outbox.exchange(published: [], limit: 5, except: HeldRows())
                    #expect(rows.map(\.number) == [0, 100, 101, 102, 103])
                    // With all of these held, the others have their turn.
                    let held = HeldRows(rows: Set(rows.map(\.id)))
                    let more = try await outbox.exchange(published: [], limit: 5, except: held)
                    let rest = try await outbox.exchange(published: more.map(\.id), limit: 5, except: held)
                    #expect((more + rest).map(\.number) == Array(104..<110))
                }
            }
        }
    }

    /// Its owner has seen the gap, or began when the row had its id.
    @Test(arguments: [true, false]) func aRowThatIsCommittedLateIsNotMissed(hasBegun: Bool) async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                try await store.outbox.withOwnership { outbox in
                    if hasBegun { _ = try await outbox.exchange(published: [], limit: 10, except: HeldRows()) }
                    var early: Task<Void, any Error>?
                    // The check of a deferred constraint waits for another session when everything else has been written.
                    let taken = """
                        BEGIN; INSERT INTO \(schema.name).people
                        VALUES (gen_random_uuid(), 'b@example.org', 7, 0, true, now(), '')
                        """
                    try await Database.execute(taken) {
                        early = Task {
                            try await store.transaction { transaction in
                                // With a read, nothing else is sent on the connection that will wait.
                                _ = try await people.find(Stamp.next().id, in: transaction)
                                try people.insert(Person("a@example.org", badge: 7), in: transaction)
                                try transaction.publish(Greeted(number: 1))
                            }
                        }
                        try await eventually(within: .seconds(3), "the commit to wait") {
                            let waiting = """
                                SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                                JOIN pg_stat_activity a ON a.pid = l.pid
                                WHERE c.relnamespace = '\(schema.name)'::regnamespace AND a.wait_event_type = 'Lock'
                                """
                            return try await Database.execute(waiting) == [["1"]]
                        }
                        try await store.transaction { try $0.publish(Greeted(number: 2)) }
                        let rows = try await outbox.exchange(published: [], limit: 10, except: HeldRows())
                        #expect(rows.map(\.number) == [2])
                        _ = try await outbox.exchange(published: rows.map(\.id), limit: 0, except: HeldRows())
                    }
                    try await early?.value
                    let rows = try await outbox.exchange(published: [], limit: 10, except: HeldRows())
                    #expect(rows.map(\.number) == [1])
                }
            }
        }
    }

    /// As when a pass begins again while ids are missing: what is then committed late is in both parts.
    @Test func aRowThatTwoPartsOfAReadFindIsReadOnce() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                try await store.transaction { transaction in
                    for number in 1...5 { try transaction.publish(Greeted(number: number)) }
                }
                let rows = store.storage.outboxRows
                let read = OutboxRead(after: 2, missing: [1...1, 3...4], lanes: [], limit: 10, bytes: .max, known: 0)
                let outcome = try await store.storage.pool.run([try rows.read(read)])
                let found = try rows.found(try store.storage.rows(outcome))
                #expect(found.map(\.row.id) == [1, 3, 4, 5])
            }
        }
    }

    @Test func ownershipMovesWhenTheOwnersSessionIsTerminated() async throws {
        try await TestSchema.with { schema in
            let first = try schema.store()
            let second = try schema.store()
            try await running(first, second) {
                try await first.transaction { try $0.publish(Greeted(number: 1)) }
                let (lost, losing) = AsyncStream.makeStream(of: Void.self)
                let (owned, owning) = AsyncStream.makeStream(of: Void.self)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await first.outbox.withOwnership { outbox in
                            owning.yield()
                            for await _ in lost { break }
                            let error = await #expect(throws: RepositoryError.self) {
                                try await outbox.exchange(published: [], limit: 1, except: HeldRows())
                            }
                            #expect(error?.code == .unavailable)
                        }
                    }
                    for await _ in owned { break }
                    group.addTask {
                        try await second.outbox.withOwnership { outbox in
                            let rows = try await outbox.exchange(published: [], limit: 1, except: HeldRows())
                            #expect(rows.map(\.number) == [1])
                        }
                        losing.yield()
                    }
                    let key = UInt64(bitPattern: first.storage.schema.lock("outbox"))
                    try await eventually(within: .seconds(10), "the other session to wait") {
                        let count = """
                            SELECT count(*) FROM pg_stat_activity
                            WHERE query LIKE 'SELECT pg_try_advisory%' AND datname = current_database()
                            """
                        return try await Database.execute(count)[0][0] != "0"
                    }
                    let holders = """
                        SELECT count(pg_terminate_backend(pid)) FROM pg_locks
                        WHERE locktype = 'advisory' AND classid = \(key >> 32) AND objid = \(key & 0xFFFF_FFFF)
                        """
                    #expect(try await Database.execute(holders) == [["1"]])
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func theInboxAnswersPerPosition() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let fresh = try await store.transaction { transaction in
                    try await transaction.markHandled([.test("b"), .test("a"), .test("b")], by: "consumer")
                }
                #expect(fresh == [true, true, false])
                let again = try await store.transaction { transaction in
                    let first = try await transaction.markHandled([.test("a"), .test("c")], by: "consumer")
                    return first + (try await transaction.markHandled([.test("c")], by: "consumer"))
                }
                #expect(again == [false, true, false])
                let other = try await store.transaction { try await $0.markHandled([.test("a")], by: "other") }
                #expect(other == [true])
            }
        }
    }

    @Test func aMessageInTwoConcurrentTransactionsIsHandledOnce() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let answers = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            try await store.transaction { transaction in
                                try await transaction.markHandled([.test("m")], by: "consumer")[0]
                            }
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(answers.filter { $0 }.count == 1)
            }
        }
    }

    @Test func startsAreCountedPerConsumerAndMessage() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                var counts: [Int] = []
                for consumer: SubscriptionName in ["a", "a", "b"] {
                    counts.append(
                        try await store.claimStart(of: .test("m"), redrive: 0, by: consumer, as: Stamp.next().id)
                    )
                }
                #expect(counts == [1, 2, 1])
            }
        }
    }

    @Test func onlyOldInboxRowsAndClaimsAreDeleted() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                _ = try await store.transaction { try await $0.markHandled([.test("old"), .test("young")], by: "c") }
                _ = try await store.claimStart(of: .test("old"), redrive: 0, by: "c", as: Stamp.next().id)
                try await Database.execute(
                    """
                    SET search_path = \(schema.name);
                    UPDATE eventbus_handled SET handled_at = now() - interval '2 days' WHERE message_id = 'old';
                    UPDATE eventbus_starts SET claimed_at = now() - interval '2 days';
                    INSERT INTO eventbus_inbox VALUES ('c', 'older', now() - interval '2 days');
                    INSERT INTO eventbus_claims VALUES ('c', 'older', 1, now() - interval '2 days')
                    """
                )
                for statement in store.storage.inbox.cleanUp(olderThan: .seconds(86_400)) {
                    guard case .completed = try await store.storage.pool.run([statement]) else {
                        Issue.record("the clean-up failed")
                        continue
                    }
                }
                let rows = try await Database.execute(
                    """
                    SET search_path = \(schema.name);
                    SELECT message_id FROM eventbus_handled UNION ALL SELECT message_id FROM eventbus_starts
                    UNION ALL SELECT message_id FROM eventbus_inbox UNION ALL SELECT message_id FROM eventbus_claims
                    """
                )
                #expect(rows == [["young"]])
                #expect(try await store.claimStart(of: .test("old"), redrive: 0, by: "c", as: Stamp.next().id) == 1)
            }
        }
    }
}

extension EventIdentity {
    static func test(_ id: String) -> EventIdentity { EventIdentity(source: "/test", id: id) }
}

extension OutboxRow {
    private struct Numbered: Decodable { let number: Int }

    /// The number of a test event; -1 for anything else.
    var number: Int { (try? JSONDecoder().decode(Numbered.self, from: Data(self.message.body)))?.number ?? -1 }
}
