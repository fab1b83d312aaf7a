// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Synchronization
import Testing

@testable import EventBusPostgres

/// A transaction that somebody leaves open: nothing that has been published can be vacuumed meanwhile.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(15)))
struct OpenTransactionTests {
    private static let keys = ["a", "b", "c", "d", "e", "f"]

    /// Counts what it gets, and notes what is not in the order of its key.
    private final class CountingBus: TakingBus {
        private struct State {
            var last: [String: Int] = [:]
            var published = 0
            var disorder: [Int] = []
        }

        private let state = Mutex(State())

        var published: Int { self.state.withLock { $0.published } }
        var disorder: [Int] { self.state.withLock { $0.disorder } }

        func publish(_ messages: [Message]) async -> [PublishOutcome] {
            let events = messages.compactMap { try? $0.decode(Greeted.self) }
            return self.state.withLock { state in
                for event in events {
                    let key = event.key ?? ""
                    if event.number != state.last[key, default: 0] + 1 { state.disorder.append(event.number) }
                    state.last[key] = event.number
                }
                state.published += events.count
                return messages.map { _ in .confirmed }
            }
        }
    }

    /// How many entries of the outbox's indexes have been read, those of dead rows among them.
    private static func entriesRead(in schema: TestSchema) async throws -> Int {
        let rows = try await Database.execute(
            """
            SELECT sum(idx_tup_read) FROM pg_stat_user_indexes
            WHERE schemaname = '\(schema.name)' AND relname = 'eventbus_outbox'
            """
        )
        return try #require(rows.first?.first?.flatMap { $0 }.flatMap { Int($0) })
    }

    /// Commits an event of each key, again and again; returns how many there are.
    private static func write(to store: PostgresStore, _ rounds: Int, for duration: Duration?) async throws -> Int {
        let clock = ContinuousClock()
        let began = clock.now
        var round = 0
        while duration.map({ clock.now - began < $0 }) ?? (round < rounds) {
            round += 1
            for key in Self.keys { try await store.transaction { try $0.publish(Greeted(number: round, key: key)) } }
            // 470 events per second.
            if duration != nil {
                try await clock.sleep(until: began + .milliseconds(round * 1000 * Self.keys.count / 470))
            }
        }
        return round * Self.keys.count
    }

    @Test func aTransactionThatStaysOpenChangesNeitherTheOrderNorTheCost() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let bus = CountingBus()
                let relay = OutboxRelay(from: store, to: bus)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await relay.run() }
                    let report =
                        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM \(schema.name).eventbus_outbox"
                    try await Database.execute(report) {
                        let count = try await Self.write(to: store, 300, for: Soak.isRunning ? .seconds(600) : nil)
                        let began = ContinuousClock.now
                        try await eventually(within: .seconds(60), "all events") { bus.published >= count }
                        let lag = ContinuousClock.now - began
                        #expect(bus.published == count)
                        #expect(bus.disorder == [])
                        // Published rows are passed once, and once more in each pass over the whole outbox, and never by who asks for
                        // the oldest event. A session that is used reports its statistics once a second.
                        let reported = ContinuousClock.now + .seconds(2)
                        try await eventually(within: .seconds(20), "the statistics") {
                            #expect(try await store.outbox.oldest() == nil)
                            return try await Self.entriesRead(in: schema) >= count && ContinuousClock.now > reported
                        }
                        let entries = try await Self.entriesRead(in: schema)
                        #expect(entries < 20 * count)
                        if Soak.isRunning {
                            print("\(count) events, \(entries) index entries read, the last ones \(lag) later")
                        }
                    }
                    group.cancelAll()
                }
            }
        }
    }
}
