// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import ServiceLifecycle
import Synchronization
import Testing

/// The history tells the same attempts as the consumer counts.
@Suite("Attempts in the history")
struct AttemptTests {
    private typealias Entry = SlowStoreTests.Entry
    private typealias Greeted = SimulationTests.Greeted
    private typealias ClosureService = SimulationTests.ClosureService

    private static let name: SubscriptionName = "greeter"
    private static let entry = Entry(id: Stamp.next().id, name: "entry")

    /// What the history says about one event that can be handled at no time, until it is a dead letter.
    private static func words(
        attempts: Int = 2,
        _ handle:
            @escaping @Sendable (SimulatedProcess, any Repository<Entry>, borrowing Transaction) async throws ->
            Void
    ) throws -> [String] {
        try Simulation.run { simulation in
            let shop = simulation.store("shop")
            try await shop.transaction { try shop.repository(for: Entry.self).insert(Self.entry, in: $0) }
            simulation.start("greeter") { process in
                let store = process.store("shop")
                let entries = store.repository(for: Entry.self)
                let options = ConsumerOptions(retry: RetryPolicy(attempts: attempts))
                return [
                    EventConsumer(Self.name, on: process.bus, store: store, options: options, clock: process.clock) {
                        On(Greeted.self) { _, transaction in try await handle(process, entries, transaction) }
                    }
                ]
            }
            try await simulation.settle()
            simulation.lockRow(Self.entry.id, of: Entry.self, in: "shop", for: .seconds(3600))
            let message = try Message(Greeted(name: "ada"))
            simulation.history.record(.committed(message.identity, message.topic, key: nil), at: "test")
            _ = await simulation.bus.publish([message])
            try await simulation.finish()
            try await simulation.recordDeadLetters(of: Self.name)
            let consumer = HistoryChecker.Consumer(Self.name, topics: [Greeted.topic], attempts: attempts)
            #expect(HistoryChecker([consumer]).violations(in: simulation.history) == [])
            return simulation.history.records.compactMap { record in
                switch record.what {
                case .started: "started"
                case .failed: "failed"
                case .unfinished: "undone"
                case .settled(_, _, .retry): "retry"
                case .settled(_, _, .deadLetter): "dead"
                default: nil
                }
            }
        }
    }

    @Test("A row that stays locked makes each start a failed attempt")
    func lockedRow() throws {
        let words = try Self.words { _, entries, transaction in try entries.update(Self.entry, in: transaction) }
        #expect(words == ["started", "failed", "retry", "started", "failed", "dead"])
    }

    @Test("A start that loses against others is made again, and is a failed attempt when the consumer gives it up")
    func conflict() throws {
        let words = try Self.words { process, _, _ in
            process.failTransaction(with: RepositoryError(.serialization, "another transaction was faster"))
        }
        let tries = Array(repeating: ["started", "undone"], count: 3).flatMap(\.self) + ["started", "failed"]
        #expect(words == tries + ["retry"] + tries + ["dead"])
    }

    @Test("A handler that blames another store has failed, since its own store answers")
    func anotherStore() throws {
        let words = try Self.words { _, _, _ in throw RepositoryError(.unavailable, "the other store is away") }
        #expect(words == ["started", "failed", "retry", "started", "failed", "dead"])
    }

    @Test("An event that another transaction is handling uses up no attempt, for five minutes", arguments: [60, 1000])
    func busyEvent(_ seconds: Int) throws {
        let words = try Simulation.run { simulation in
            simulation.start("greeter") { process in
                [
                    EventConsumer(
                        Self.name,
                        on: process.bus,
                        store: process.store("shop"),
                        options: ConsumerOptions(retry: .never),
                        clock: process.clock
                    ) {
                        On(Greeted.self) { _, _ in }
                    }
                ]
            }
            simulation.start("another instance") { process in
                [
                    ClosureService {
                        struct ChangedMind: Error {}
                        let event = EventIdentity(source: "/test", id: "1")
                        try? await process.store("shop").transaction { transaction in
                            _ = try await transaction.context.markHandled([event], by: Self.name)
                            try await process.clock.sleep(for: .seconds(seconds))
                            throw ChangedMind()
                        }
                        try await process.clock.sleep(for: .seconds(1_000_000))
                    }
                ]
            }
            try await simulation.settle()
            let message = Message(
                id: "1",
                topic: Greeted.topic,
                source: "/test",
                time: Stamp.next().time,
                body: Array(#"{"name":"ada"}"#.utf8)
            )
            _ = await simulation.bus.publish([message])
            try await simulation.finish()
            return simulation.history.records.filter { $0.place.hasPrefix("greeter") || $0.place == "shop" }.compactMap
            {
                switch $0.what {
                case .handled: "handled"
                case .settled(_, _, .deadLetter): "dead"
                default: nil
                }
            }
        }
        #expect(words == (seconds == 60 ? ["handled"] : ["dead"]))
    }

    @Test("An event that no store can hold, as its id contains NUL, uses up its attempts and is a dead letter")
    func unstorable() throws {
        try Simulation.run { simulation in
            let handled = Mutex(0)
            simulation.start("greeter") { process in
                [
                    EventConsumer(
                        Self.name,
                        on: process.bus,
                        store: process.store("shop"),
                        options: ConsumerOptions(retry: RetryPolicy(attempts: 3)),
                        clock: process.clock
                    ) {
                        On(Greeted.self) { _, _ in handled.withLock { $0 += 1 } }
                    }
                ]
            }
            try await simulation.settle()
            let messages = ForeignProducer(seed: 1).messages(of: Greeted.topic, count: 32, at: Stamp.next().time) {
                Array(#"{"name":"\#($0)"}"#.utf8)
            }
            simulation.start("another program", publishing: messages)
            try await simulation.finish()
            try await simulation.recordDeadLetters(of: Self.name)
            let letters = try await simulation.bus.deadLetters(of: Self.name, limit: 100)
            let dead = Set(letters.map(\.message.identity))
            #expect(dead == Set(messages.map(\.identity).filter { "\($0.source)\($0.id)".utf8.contains(0) }))
            #expect(dead.count == 3)
            #expect(handled.withLock { $0 } == 29)
            let consumer = HistoryChecker.Consumer(Self.name, topics: [Greeted.topic], attempts: 3)
            #expect(HistoryChecker([consumer]).violations(in: simulation.history) == [])
        }
    }
}
