// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import Synchronization
import TestProxy
import Testing

@testable import EventBusPersistence
@testable import EventBusPostgres

@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct LeaseTests {
    private static let lease = Duration.seconds(2)
    /// The lease, and what it takes to notice and to take over.
    private static let patience = Duration.seconds(7)

    @Test func aFrozenOwnerLosesTheOutboxAndStandsByWhenItThaws() async throws {
        try await TestSchema.with { schema in
            let journal = FileManager.default.temporaryDirectory.appending(path: schema.name)
            defer { try? FileManager.default.removeItem(at: journal) }
            let store = try schema.store { $0.lease = Self.lease }
            try await running(store) {
                async let child = #expect(processExitsWith: .signal(SIGKILL)) {
                    [name = schema.name as String, journal = journal as URL] in
                    let store = try TestSchema(name: name).store { $0.lease = .seconds(2) }
                    let bus = try JournalBus(journal, named: "\(ProcessInfo.processInfo.processIdentifier)")
                    let relay = OutboxRelay(from: store, to: bus)
                    try await running(store) { try await relay.run() }
                }
                try await Self.freezeAndThaw(store, JournalBus(journal, named: "here"))
                _ = await child
            }
        }
    }

    private static func freezeAndThaw(_ store: PostgresStore, _ bus: JournalBus) async throws {
        func publish(_ number: Int) async throws {
            try await store.transaction { try $0.publish(Greeted(number: number, key: "k")) }
        }
        func untilPublished(_ number: Int) async throws -> String {
            try await eventually(within: Self.patience, "\(number) to be published") {
                bus.lines.last { $0.number == number }?.name
            }
        }
        try await publish(1)
        let owner = try await untilPublished(1)
        let process = try #require(Int32(owner))
        defer { kill(process, SIGKILL) }
        let relay = OutboxRelay(from: store, to: bus)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await relay.run() }
            try await publish(2)
            #expect(try await untilPublished(2) == owner)
            kill(process, SIGSTOP)
            try await publish(3)
            #expect(try await untilPublished(3) == "here")
            kill(process, SIGCONT)
            try await Self.untilSessionsTry(for: store)
            try await publish(4)
            #expect(try await untilPublished(4) == "here")
            kill(process, SIGKILL)
            try await publish(5)
            #expect(try await untilPublished(5) == "here")
            group.cancelAll()
        }
        let lines = bus.lines
        #expect(Set(lines.map(\.id)).count == 5)
        var first: [Int] = []
        for line in lines where !first.contains(line.number) { first.append(line.number) }
        #expect(first == [1, 2, 3, 4, 5])
        #expect(lines.filter { $0.name == owner }.allSatisfy { $0.number <= 2 })
    }

    /// Waits until a session that was frozen has come back to try whether it can own the outbox.
    private static func untilSessionsTry(for store: PostgresStore) async throws {
        let key = UInt64(bitPattern: store.storage.schema.lock("outbox"))
        let (high, low) = (key >> 32, key & 0xFFFF_FFFF)
        // The owner's session has other statements, and the sessions of other tests are in other schemas.
        let tries = """
            SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_try_advisory_lock($1)'
            AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.pid = pg_stat_activity.pid AND locktype = 'advisory')
            """
        try await eventually(within: .seconds(10), "the frozen process to stand by") {
            try await Database.execute(tries)[0][0] != "0"
        }
        let owners = """
            SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = \(high) AND objid = \(low)
            """
        #expect(try await Database.execute(owners) == [["1"]])
    }

    /// Where the network stops carrying what the owner sends and gets.
    enum Silence: CaseIterable {
        case whileItWaits
        case inTheMiddleOfALargeAnswer
    }

    @Test(arguments: Silence.allCases)
    func anOwnerThatIsCutOffLosesTheOutbox(silence: Silence) async throws {
        try await TestSchema.with { schema in
            let journal = FileManager.default.temporaryDirectory.appending(path: schema.name)
            defer { try? FileManager.default.removeItem(at: journal) }
            let (first, second) = (try JournalBus(journal, named: "first"), try JournalBus(journal, named: "second"))
            try await TCPProxy.with(to: try Database.port(), .any) { proxy in
                let owner = try schema.store(at: try Database.configuration(ports: proxy.port)) {
                    $0.lease = Self.lease
                    $0.statementTimeout = .seconds(1)
                    $0.answerGrace = .milliseconds(500)
                }
                let other = try schema.store { $0.lease = Self.lease }
                try await running(owner, other) {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await OutboxRelay(from: owner, to: first).run() }
                        try await other.transaction { try $0.publish(Greeted(number: 0)) }
                        try await eventually(within: .seconds(10), "the first relay to own") { first.lines.count == 1 }
                        group.addTask { try await OutboxRelay(from: other, to: second).run() }
                        // Who cannot reach the server again cannot own the outbox again either.
                        proxy.welcome = .silence
                        switch silence {
                        case .whileItWaits: proxy.strike(.stall)
                        case .inTheMiddleOfALargeAnswer: proxy.order(.stall, .atByte(.toClient, 1_000_000))
                        }
                        try await Self.publishLargeEvents(3, from: other)
                        try await eventually(within: Self.patience, "the second relay to publish") {
                            second.lines.count == 4
                        }
                        #expect(second.lines.map(\.name) == ["first", "second", "second", "second"])
                        group.cancelAll()
                    }
                }
            }
        }
    }

    /// More than fits between the server and a client that reads nothing.
    private static func publishLargeEvents(_ count: Int, from store: PostgresStore) async throws {
        for number in 1...count {
            var message = try Message(Greeted(number: number))
            message.body = Array(repeating: 32, count: 7_000_000)
            let large = message
            try await store.transaction { try $0.context.publish(large) }
        }
    }

    /// For the server, a migrator that is frozen is a session that holds the lock and says nothing.
    @Test func aFrozenMigratorDoesNotKeepOthersFromStarting() async throws {
        try await TestSchema.with { schema in
            let store = try schema.store { $0.lease = .seconds(1) }
            let other = try schema.store()
            let configuration = store.storage.configuration
            try store.storage.thread.start()
            let frozen = try await Connection.open(
                ConnectionParameters(configuration, settings: configuration.migrationSettings(store.storage.schema)),
                mode: .script,
                timeouts: configuration.timeouts,
                on: store.storage.thread
            )
            let locked = await frozen.run(script: "SELECT pg_advisory_lock(\(store.storage.schema.lock("migrations")))")
            guard case .completed = locked else { throw Database.SQLFailed(outcome: locked) }
            try await running(other) {
                _ = try await other.repository(for: Person.self).find(Stamp.next().id)
            }
            guard case .notSent = await frozen.run(script: "SELECT 1") else {
                throw Database.SQLFailed(outcome: locked)
            }
            await store.storage.thread.stop()
        }
    }

    /// Postgres' snapshots do not name the newest transaction that writes, and a new owner has seen none of its rows.
    @Test func aNewOwnerDoesNotPassWhatTheNewestTransactionHasWritten() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let configuration = store.storage.configuration
                let writer = try await Connection.open(
                    ConnectionParameters(
                        configuration,
                        settings: configuration.migrationSettings(store.storage.schema)
                    ),
                    mode: .script,
                    timeouts: configuration.timeouts,
                    on: store.storage.thread
                )
                defer { writer.close() }
                let insert = """
                    BEGIN; INSERT INTO eventbus_outbox
                        (message_id, topic, type, version, source, time, ordering_key, requires_subscriber, content_type, body)
                    VALUES ('first', 'test.greeted', 'test.greeted', 1, '/test', now(), 'k', true, 'application/json',
                        convert_to('{"number": 1, "key": "k"}', 'UTF8'))
                    """
                guard case .completed = await writer.run(script: insert) else { throw CancellationError() }
                try await store.outbox.withOwnership { outbox in
                    #expect(try await outbox.exchange(published: [], limit: 10, except: HeldRows()).isEmpty)
                    _ = await writer.run(script: "COMMIT")
                    try await store.transaction { try $0.publish(Greeted(number: 2, key: "k")) }
                    let rows = try await outbox.exchange(published: [], limit: 10, except: HeldRows())
                    let next =
                        rows.isEmpty ? try await outbox.exchange(published: [], limit: 10, except: HeldRows()) : rows
                    #expect(next.map(\.number) == [1])
                }
            }
        }
    }
}
