// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusPostgres
import EventBusTesting
import Foundation
import Logging
import Synchronization
import Testing

/// A relay between a server and a bus that only takes.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct RelayTests {
    /// Runs a relay while `body` runs.
    private static func relaying(
        _ store: PostgresStore,
        to bus: CollectingBus,
        log: RecordedLog = RecordedLog(),
        _ body: (OutboxRelay) async throws -> Void
    ) async throws {
        let relay = OutboxRelay(from: store, to: bus, logger: log.logger)
        let running = Task { try await relay.run() }
        do {
            try await body(relay)
        } catch {
            running.cancel()
            throw error
        }
        running.cancel()
        _ = await running.result
    }

    /// The number of rows that wait, and of those that wait for something.
    private static func waiting(in schema: TestSchema) async throws -> [String?] {
        try await Database.execute("SELECT count(*), count(waits_for) FROM \(schema.name).eventbus_outbox")[0]
    }

    /// As when a server has become read-only, which still can be owned and read.
    @Test func aServerThatRemovesNothingGetsNothingPublishedTwice() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                try await Database.execute(
                    """
                    SET search_path = \(schema.name);
                    CREATE SEQUENCE attempts;
                    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                        PERFORM nextval('\(schema.name).attempts');
                        RAISE EXCEPTION 'read-only' USING ERRCODE = 'read_only_sql_transaction';
                    END $$;
                    CREATE TRIGGER refuse BEFORE DELETE ON eventbus_outbox EXECUTE FUNCTION refuse()
                    """
                )
                let bus = CollectingBus()
                for number in 0..<3 { try await store.transaction { try $0.publish(Greeted(number: number)) } }
                try await Self.relaying(store, to: bus) { _ in
                    try await eventually(within: .seconds(20), "four attempts to remove") {
                        let attempts = try await Database.execute("SELECT last_value FROM \(schema.name).attempts")
                        return Int(attempts[0][0] ?? "") ?? 0 >= 4
                    }
                    #expect(bus.messages.count == 3)
                    try await Database.execute("DROP TRIGGER refuse ON \(schema.name).eventbus_outbox")
                    try await eventually(within: .seconds(20), "the outbox to be empty") {
                        try await store.outbox.oldest() == nil
                    }
                    #expect(bus.messages.count == 3)
                }
            }
        }
    }

    @Test func whatWaitsForASubscriberIsPutAsideAndComesInOrderWhoeverOwnsTheOutbox() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                try await store.transaction { transaction in
                    for number in 0..<2000 { try transaction.publish(Greeted(number: number, key: "\(number % 3)")) }
                    try transaction.publish(Left(number: -1))
                }
                let bus = CollectingBus()
                bus.answer { $0.topic == Greeted.topic ? .unroutable : .confirmed }
                try await Self.relaying(store, to: bus) { _ in
                    try await eventually(within: .seconds(20), "the event of another topic to be gone, others aside") {
                        let waiting = try await Self.waiting(in: schema)
                        return waiting[0] == "2000" && waiting[1] != "0"
                    }
                }
                #expect(bus.confirmed.map(\.topic) == [Left.topic])
                bus.answer { _ in .confirmed }
                try await Self.relaying(store, to: bus) { _ in
                    try await eventually(within: .seconds(60), "all events") { bus.confirmed.count == 2001 }
                }
                let numbers = try bus.confirmed.dropFirst().map { ($0.orderingKey, try $0.decode(Greeted.self).number) }
                for key in ["0", "1", "2"] {
                    let ofKey = numbers.filter { $0.0 == key }.map(\.1)
                    #expect(ofKey == ofKey.sorted() && Set(ofKey).count == ofKey.count)
                }
            }
        }
    }

    @Test func aRowThatCannotBeReadHoldsUpOnlyItsOrderingKeyAndIsNamed() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                for (number, key) in [(1, "a"), (2, "b"), (3, "a"), (4, nil), (5, nil)] as [(Int, String?)] {
                    try await store.transaction { try $0.publish(Greeted(number: number, key: key)) }
                }
                try await Database.execute(
                    """
                    SET search_path = \(schema.name);
                    UPDATE eventbus_outbox SET headers = '{' WHERE id = 1;
                    UPDATE eventbus_outbox SET waits_for = 'something that a later version knows' WHERE id = 2;
                    UPDATE eventbus_outbox SET time = 'infinity' WHERE id = 4
                    """
                )
                let (bus, log) = (CollectingBus(), RecordedLog())
                try await Self.relaying(store, to: bus, log: log) { relay in
                    try await eventually(within: .seconds(20), "all others") { bus.confirmed.count >= 2 }
                    let place = "It stays there, and later events of its ordering key wait behind it"
                    try await eventually(within: .seconds(20), "the rows in the health") {
                        await relay.health.notes == [
                            "row 1 of the outbox cannot be read: the headers cannot be decoded. \(place)",
                            "row 4 of the outbox cannot be read: column \"time\" holds an unexpected value. \(place)",
                        ]
                    }
                }
                #expect(try bus.messages.map { try $0.decode(Greeted.self).number } == [2, 5])
                #expect(try await schema.count("eventbus_outbox") == 3)
                let lines = log.lines(.warning)
                #expect(lines.count == 2)
                for text in ["eventbus.row: 1", "eventbus.row: 4", "the headers cannot be decoded", "column \"time\""] {
                    #expect(lines.contains { $0.replacing("\"", with: "").contains(text.replacing("\"", with: "")) })
                }
                try await Database.execute(
                    """
                    SET search_path = \(schema.name);
                    UPDATE eventbus_outbox SET headers = NULL WHERE id = 1;
                    DELETE FROM eventbus_outbox WHERE id = 4
                    """
                )
                try await Self.relaying(store, to: bus) { _ in
                    try await eventually(within: .seconds(20), "the rest") { bus.confirmed.count == 4 }
                }
                #expect(try bus.messages.map { try $0.decode(Greeted.self).number } == [2, 5, 1, 3])
            }
        }
    }

    @Test func largeBodiesAreReadFewAtATime() async throws {
        let (rows, bytes) = (64, 8 * 1024 * 1024)
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                try await Database.execute(
                    """
                    INSERT INTO \(schema.name).eventbus_outbox (message_id, topic, type, version, source, time,
                        requires_subscriber, content_type, body)
                    SELECT i::text, 'test.large', 'test.large', 1, '', now(), true, 'text/plain',
                        convert_to(repeat('x', \(bytes)), 'UTF8')
                    FROM generate_series(1, \(rows)) AS i
                    """
                )
                let bus = CollectingBus(keepsBodies: false)
                let before = try residentBytes()
                try await Self.relaying(store, to: bus) { _ in
                    try await eventually(within: .seconds(60), "all events") { bus.confirmed.count == rows }
                }
                #expect(bus.largestBatch == bytes)
                // Other tests run at the same time. All rows at once would take 512 MB, several times.
                #expect(bus.mostResidentBytes - before < 256 * 1024 * 1024)
            }
        }
    }
}

/// The physical memory of this process, in bytes; 0 where the system does not tell.
private func residentBytes() throws -> Int {
    #if os(Linux)
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return (Int(fields[1]) ?? 0) * 4096
    #else
    return 0
    #endif
}

/// Records what is published on it.
private final class CollectingBus: TakingBus {
    private struct State {
        var messages: [Message] = []
        var confirmed: [Message] = []
        var largestBatch = 0
        var mostResidentBytes = 0
        var answer: @Sendable (Message) -> PublishOutcome = { _ in .confirmed }
    }

    private let state = Mutex(State())
    private let keepsBodies: Bool

    init(keepsBodies: Bool = true) { self.keepsBodies = keepsBodies }

    var messages: [Message] { self.state.withLock { $0.messages } }
    var confirmed: [Message] { self.state.withLock { $0.confirmed } }
    /// The most bytes of bodies in one call.
    var largestBatch: Int { self.state.withLock { $0.largestBatch } }
    var mostResidentBytes: Int { self.state.withLock { $0.mostResidentBytes } }

    func answer(_ answer: @escaping @Sendable (Message) -> PublishOutcome) {
        self.state.withLock { $0.answer = answer }
    }

    func publish(_ messages: [Message]) async -> [PublishOutcome] {
        let resident = (try? residentBytes()) ?? 0
        return self.state.withLock { state in
            state.largestBatch = max(state.largestBatch, messages.reduce(0) { $0 + $1.body.count })
            state.mostResidentBytes = max(state.mostResidentBytes, resident)
            let outcomes = messages.map(state.answer)
            for (var message, outcome) in zip(messages, outcomes) {
                if !self.keepsBodies { message.body = [] }
                state.messages.append(message)
                if outcome.isConfirmed { state.confirmed.append(message) }
            }
            return outcomes
        }
    }
}
