// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Testing

@testable import EventBusPostgres

/// Which errors of a server mean contention, a slow store, a store that is away, or a failed attempt.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct ContentionTests {
    /// The nickname of a person says how the insert fails.
    private static let failing =
        Person.migrations + [
            Migration(
                2,
                "inserts that fail",
                sql: """
                    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN
                        IF NEW.nickname = 'slow' THEN PERFORM pg_sleep(20); END IF;
                        IF NEW.nickname IS NOT NULL THEN
                            RAISE EXCEPTION 'cached plan must not change result type' USING ERRCODE = NEW.nickname;
                        END IF;
                        RETURN NEW;
                    END $$;
                    CREATE TRIGGER fail BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION fail();
                    """
            )
        ]

    private static func error(
        inserting nickname: String,
        reading: Bool,
        into store: PostgresStore
    ) async -> RepositoryError? {
        let people = store.repository(for: Person.self)
        var person = Person("\(nickname)@example.org")
        person.nickname = nickname
        let failing = person
        do {
            try await store.transaction { transaction in
                if reading { _ = try await people.find(failing.id, in: transaction) }
                try people.insert(failing, in: transaction)
            }
            return nil
        } catch {
            return error as? RepositoryError
        }
    }

    @Test(arguments: [
        ("0A000", RepositoryError.Code.database), ("26000", .database), ("40001", .serialization),
        ("55P03", .locked), ("57014", .timedOut), ("58030", .unavailable), ("53400", .unavailable),
        ("P0001", .database),
    ])
    func whatATriggerRaisesIsClassified(state: String, code: RepositoryError.Code) async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1, migrations: Self.failing) { store in
                for reading in [false, true, false, true] {
                    #expect(await Self.error(inserting: state, reading: reading, into: store)?.code == code)
                }
                let people = store.repository(for: Person.self)
                try await store.transaction { try people.insert(Person("good@example.org"), in: $0) }
            }
        }
    }

    @Test(arguments: [false, true])
    func aStatementThatTakesTooLongTimesOut(reading: Bool) async throws {
        try await TestSchema.with { schema in
            let store = try schema.store(migrations: Self.failing) { $0.statementTimeout = .milliseconds(200) }
            try await running(store) {
                #expect(await Self.error(inserting: "slow", reading: reading, into: store)?.code == .timedOut)
            }
        }
    }

    /// A store that does not wait for locks for long.
    private static func store(in schema: TestSchema, connections: Int) throws -> PostgresStore {
        try schema.store {
            $0.lockTimeout = .milliseconds(200)
            $0.maximumConnections = connections
        }
    }

    /// Inserts the person whose row is to be locked, and another one.
    private static func insertTwo(into store: PostgresStore) async throws -> (locked: Person, free: Person) {
        let people = store.repository(for: Person.self)
        let (locked, free) = (Person("locked@example.org"), Person("free@example.org"))
        try await store.transaction { transaction in
            try people.insert(locked, in: transaction)
            try people.insert(free, in: transaction)
        }
        return (locked, free)
    }

    /// Locks a row in a session of its own.
    private static func lock(on person: Person, in schema: TestSchema) -> String {
        "BEGIN; SELECT FROM \(schema.name).people WHERE email = '\(person.email)' FOR UPDATE"
    }

    @Test(arguments: [false, true])
    func aRowThatIsLockedForLongIsContentionAndOthersGoOn(reading: Bool) async throws {
        try await TestSchema.with { schema in
            let store = try Self.store(in: schema, connections: 4)
            try await running(store) {
                let people = store.repository(for: Person.self)
                let (locked, free) = try await Self.insertTwo(into: store)
                try await Database.execute(Self.lock(on: locked, in: schema)) {
                    let codes = try await withThrowingTaskGroup(of: RepositoryError.Code?.self) { group in
                        for number in 0..<3 {
                            group.addTask {
                                let person = number == 0 ? free : locked
                                do {
                                    try await store.transaction { transaction in
                                        try people.update(person, in: transaction)
                                        if reading { _ = try await people.find(person.id, in: transaction) }
                                    }
                                    return nil
                                } catch {
                                    return (error as? RepositoryError)?.code
                                }
                            }
                        }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(codes.count { $0 == .locked } == 2)
                    #expect(codes.count { $0 == nil } == 1)
                }
                try await store.transaction { try people.update(locked, in: $0) }
            }
        }
    }

    private struct Touched: Event {
        static let topic: Topic = "test.person.touched"
        let person: Identifier
    }

    @Test func eventsAboutALockedRowHoldUpNoOthersAndAreHandledWhenItIsFree() async throws {
        try await TestSchema.with { schema in
            let store = try Self.store(in: schema, connections: 10)
            try await running(store) {
                let people = store.repository(for: Person.self)
                let (locked, free) = try await Self.insertTwo(into: store)
                let bus = InMemoryEventBus()
                let consumer = EventConsumer("test.touch", on: bus, store: store) {
                    On(Touched.self) { event, transaction in
                        let person = event.person == locked.id ? locked : free
                        try people.update(person, in: transaction)
                        _ = try await people.find(person.id, in: transaction)
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try? await consumer.run() }
                    try await consumer.untilConsuming()
                    let handled = "SELECT count(*) FROM \(schema.name).eventbus_handled"
                    try await Database.execute(Self.lock(on: locked, in: schema)) {
                        let events = try (0..<28).map { try Message(Touched(person: $0 < 8 ? locked.id : free.id)) }
                        _ = await bus.publish(events)
                        try await eventually(within: .seconds(20), "the events about other rows") {
                            try await Database.execute(handled) == [["20"]]
                        }
                    }
                    try await eventually(within: .seconds(30), "the events about the row that was locked") {
                        try await Database.execute(handled) == [["28"]]
                    }
                    #expect(try await bus.deadLetters(of: "test.touch").isEmpty)
                    group.cancelAll()
                }
            }
        }
    }

    private struct RolledBack: Error {}

    /// As of a frozen process: several waits of `lockTimeout` end, and the only attempt is not used up.
    @Test(arguments: [true, false])
    func anEventThatAnotherTransactionIsHandlingWaitsForItsEnd(commits: Bool) async throws {
        try await TestSchema.with { schema in
            let store = try Self.store(in: schema, connections: 4)
            try await running(store) {
                let people = store.repository(for: Person.self)
                let (held, free) = (Stamp.next().id, Stamp.next().id)
                let bus = InMemoryEventBus()
                let options = ConsumerOptions(retry: RetryPolicy(attempts: 1))
                let consumer = EventConsumer("test.busy", on: bus, store: store, options: options) {
                    On(Touched.self) { event, transaction in
                        try people.insert(Person("\(event.person)@example.org"), in: transaction)
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try? await consumer.run() }
                    try await consumer.untilConsuming()
                    let busy = try Message(Touched(person: held))
                    // A task of its own, as another process has one.
                    let other = Task.detached {
                        try await store.transaction { transaction in
                            _ = try await transaction.markHandled([busy.identity], by: "test.busy")
                            _ = await bus.publish([busy, try Message(Touched(person: free))])
                            try await eventually(within: .seconds(20), "the other event, and the end of a wait") {
                                let effects = try await schema.count("people", where: "email LIKE '\(free)@%'")
                                return effects == 1 && !consumer.health.isReady
                            }
                            try await eventually(within: .seconds(20), "another wait") {
                                let waits = """
                                    SELECT count(*) FROM pg_stat_activity
                                    WHERE wait_event_type = 'Lock' AND query LIKE '%\(schema.name)%handled%'
                                    """
                                return try await Database.execute(waits) == [["1"]]
                            }
                            if !commits { throw RolledBack() }
                        }
                    }
                    let result = await other.result
                    if commits { try result.get() }
                    try await eventually(within: .seconds(20), "the event to be settled") {
                        consumer.health.isReady && bus.isIdle
                    }
                    #expect(try await schema.count("people", where: "email LIKE '\(held)@%'") == (commits ? 0 : 1))
                    #expect(try await schema.count("eventbus_handled") == 2)
                    #expect(try await bus.deadLetters(of: "test.busy").isEmpty)
                    group.cancelAll()
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func aTransactionThatIsIdleForTooLongSaysWhy(reading: Bool) async throws {
        try await TestSchema.with { schema in
            let store = try schema.store { $0.idleInTransactionTimeout = .milliseconds(200) }
            try await running(store) {
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org")
                let error = await #expect(throws: RepositoryError.self) {
                    try await store.transaction { transaction in
                        try people.insert(person, in: transaction)
                        _ = try await people.find(person.id, in: transaction)
                        try await eventually(within: .seconds(10), "the session to be ended") {
                            let sessions = """
                                SELECT count(*) FROM pg_stat_activity
                                WHERE state LIKE 'idle in transaction%' AND query LIKE '%\(schema.name)%'
                                """
                            return try await Database.execute(sessions) == [["0"]]
                        }
                        if reading { _ = try await people.find(person.id, in: transaction) }
                    }
                }
                #expect(error?.code == .database)
                #expect(error?.message.contains("idle for longer than idleInTransactionTimeout (25P03)") == true)
                #expect((error?.cause as? ServerFailure)?.state == .idleInTransactionTimeout)
                let found = try await people.find(person.id)
                #expect(found == nil)
            }
        }
    }
}
