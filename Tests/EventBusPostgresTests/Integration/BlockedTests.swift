// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Synchronization
import Testing

@testable import EventBusPostgres

/// Transactions that block each other or are too slow.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct BlockedTests {
    @Test func ofTwoTransactionsInADeadlockOneCommits() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 3) { store in
                let people = store.repository(for: Person.self)
                let (a, b) = (Person("a@example.org"), Person("b@example.org"))
                try await store.transaction { transaction in
                    try people.insert(a, in: transaction)
                    try people.insert(b, in: transaction)
                }
                // Both have one row before either asks for the other.
                let (gate, opening) = AsyncStream.makeStream(of: Void.self)
                let held = AtomicCount()
                let codes = await withTaskGroup(of: RepositoryError.Code?.self) { group in
                    for (first, second) in [(a, b), (b, a)] {
                        group.addTask {
                            await failure {
                                try await store.transaction { transaction in
                                    try people.update(first, in: transaction)
                                    _ = try await people.find(first.id, in: transaction)
                                    if held.increment() == 2 { opening.finish() }
                                    for await _ in gate {}
                                    try people.update(second, in: transaction)
                                    _ = try await people.find(second.id, in: transaction)
                                }
                            }?.code
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(codes.count { $0 == nil } == 1)
                #expect(codes.count { $0 == .serialization } == 1)
                try await store.transaction { try people.update(a, in: $0) }
            }
        }
    }

    private struct Touched: Event {
        static let topic: Topic = "test.slow"
        let number: Int
    }

    private static let slow = Migration(
        2,
        "inserts that are slow while there is a row in sloth",
        sql: """
            CREATE TABLE sloth (id int);
            CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (SELECT FROM sloth) THEN PERFORM pg_sleep(20); END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER dawdle BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION dawdle();
            """
    )

    @Test func statementsThatTimeOutForAWhileUseUpNoAttempt() async throws {
        try await TestSchema.with { schema in
            let store = try schema.store(migrations: Person.migrations + [Self.slow]) {
                $0.statementTimeout = .milliseconds(100)
            }
            try await running(store) {
                let people = store.repository(for: Person.self)
                let bus = InMemoryEventBus()
                let starts = AtomicCount()
                let options = ConsumerOptions(retry: RetryPolicy(attempts: 2))
                let consumer = EventConsumer("test.slow", on: bus, store: store, options: options) {
                    On(Touched.self) { event, transaction in
                        _ = starts.increment()
                        try people.insert(Person("p\(event.number)"), in: transaction)
                    }
                }
                try await Database.execute("INSERT INTO \(schema.name).sloth VALUES (1)")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try? await consumer.run() }
                    try await consumer.untilConsuming()
                    _ = await bus.publish(try (0..<4).map { try Message(Touched(number: $0)) })
                    let end = ContinuousClock.now + (Soak.isRunning ? .seconds(14) : .zero)
                    try await eventually(within: .seconds(40), "more starts than there are attempts") {
                        starts.value > 4 * 2 && ContinuousClock.now > end
                    }
                    #expect(!consumer.health.isReady)
                    try await Database.execute("DELETE FROM \(schema.name).sloth")
                    try await eventually(within: .seconds(20), "all events") { try await schema.count("people") == 4 }
                    #expect(try await bus.deadLetters(of: "test.slow").isEmpty)
                    group.cancelAll()
                }
            }
        }
    }

    @Test func aTransactionOverTheServersLimitSaysWhy() async throws {
        // The setting is new in version 17.
        guard try await Database.version() >= 17 else { return }
        try await TestSchema.with { schema in
            let query = "&options=-c%20transaction_timeout%3D3000"
            let store = try schema.store(at: try Database.configuration(ports: try Database.port(), query: query))
            try await running(store) {
                let people = store.repository(for: Person.self)
                let error = await failure {
                    try await store.transaction { transaction in
                        let context = try transaction.context(as: PostgresTransaction.self)
                        for _ in 0..<200 { _ = try await context.read(Statement("SELECT pg_sleep(0.05)")) }
                    }
                }
                #expect(error?.code == .database)
                #expect(error?.message.contains("transaction_timeout (25P04)") == true)
                try await store.transaction { try people.insert(Person("a"), in: $0) }
            }
        }
    }
}

/// A number that several tasks raise.
private final class AtomicCount: Sendable {
    private let number = Mutex(0)

    var value: Int { self.number.withLock { $0 } }

    func increment() -> Int {
        self.number.withLock { number in
            number += 1
            return number
        }
    }
}
