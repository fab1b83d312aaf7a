// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Synchronization
import Testing

@Suite struct StoreTroubleTests {
    private static let name: SubscriptionName = "test.answers"

    private let stage = ManualExecutor()
    private let store = FaultyStore()
    private let other = FaultyStore()
    private let bus: InMemoryEventBus
    private let handled = Handled()

    /// The labels of the events that were handled.
    private final class Handled: Sendable {
        private let state = Mutex<[String]>([])
        var labels: [String] { self.state.withLock { $0 } }
        func append(_ label: String) { self.state.withLock { $0.append(label) } }
    }

    init() {
        self.bus = InMemoryEventBus(clock: self.stage.clock)
    }

    private var labels: [String] { self.handled.labels }
    private var deadLetters: [DeadLetter] { self.bus.report(of: Self.name)?.deadLetters ?? [] }

    private func start(
        attempts: Int = 1,
        concurrency: Int = 1,
        _ handler: @escaping @Sendable (Asked, borrowing Transaction) async throws -> Void = { _, _ in }
    ) -> EventConsumer {
        let consumer = EventConsumer(
            Self.name,
            on: self.bus,
            store: self.store,
            options: ConsumerOptions(concurrency: concurrency, retry: RetryPolicy(attempts: attempts)),
            clock: self.stage.clock
        ) {
            On(Asked.self) { [handled] event, transaction in
                try await handler(event, transaction)
                handled.append(event.label)
            }
        }
        _ = self.stage.start { try await consumer.run() }
        return consumer
    }

    private func publish(_ messages: Message...) throws {
        let (bus, messages) = (self.bus, messages)
        try self.stage.run { _ = await bus.publish(messages) }
        self.stage.settle()
    }

    private func message(_ label: String, id: String, source: String, topic: Topic = Asked.topic) throws -> Message {
        var message = try Message(Asked(label: label))
        (message.id, message.source, message.topic) = (id, source, topic)
        return message
    }

    @Test func eventsOfTwoSourcesWithOneIDAreBothHandled() throws {
        _ = self.start()
        try self.publish(
            try self.message("a", id: "n1", source: "/shop-a"),
            try self.message("b", id: "n1", source: "/shop-b"),
            try self.message("c", id: "n1", source: "/shop-a")
        )
        #expect(self.labels == ["a", "b"], "the third is the first once more")
    }

    @Test func idsThatOnlyLookTheSameAreDifferent() throws {
        _ = self.start()
        try self.publish(
            try self.message("a", id: "\u{E9}", source: "/shop"),
            try self.message("b", id: "e\u{301}", source: "/shop")
        )
        #expect(self.labels == ["a", "b"])
    }

    @Test func theOutageOfAnotherStoreIsAFailedAttempt() throws {
        let other = self.other
        other.fail(.transaction, times: 2)
        let consumer = self.start(attempts: 2) { _, _ in try await other.transaction { _ in } }
        try self.publish(try self.message("a", id: "1", source: "/s"))
        #expect(consumer.health.isReady, "nothing is held")
        self.stage.advance(by: .seconds(1))
        #expect(self.deadLetters.map(\.reason) == ["RepositoryError: unavailable: failed by a test"])
        try self.publish(try self.message("b", id: "2", source: "/s"))
        #expect(self.labels == ["b"])
    }

    @Test func theOutageOfTheConsumersStoreIsNoneEvenIfTheHandlerNoticesIt() throws {
        let store = self.store
        store.fail(.claim, times: 2)
        let consumer = self.start { event, _ in
            _ = try await store.isHandled(EventIdentity(source: "/s", id: "x"), by: "handler")
        }
        try self.publish(try self.message("a", id: "1", source: "/s"))
        #expect(!consumer.health.isReady)
        self.stage.advance(by: .milliseconds(20))
        #expect(self.labels == ["a"])
        #expect(self.deadLetters.isEmpty)
    }

    @Test func aLockThatIsHeldForLongIsAFailureAtOnce() throws {
        self.store.fail(.transaction, .locked)
        let consumer = self.start()
        try self.publish(try self.message("a", id: "1", source: "/s"))
        #expect(consumer.health.isReady)
        #expect(self.deadLetters.map(\.reason) == ["RepositoryError: locked: failed by a test"])
    }

    @Test func aConflictIsRepeatedAtOnceAndThenFails() throws {
        self.store.fail(.transaction, .serialization, times: 3)
        let consumer = self.start()
        try self.publish(try self.message("a", id: "1", source: "/s"))
        #expect(consumer.health.isReady)
        for pause in [20, 40, 80] { self.stage.advance(by: .milliseconds(pause)) }
        #expect(self.labels == ["a"])
        self.store.fail(.transaction, .serialization, times: 4)
        try self.publish(try self.message("b", id: "2", source: "/s"))
        for pause in [20, 40, 80] { self.stage.advance(by: .milliseconds(pause)) }
        #expect(self.deadLetters.map(\.reason) == ["RepositoryError: serialization: failed by a test"])
    }
}
