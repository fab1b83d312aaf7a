// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Synchronization
import Testing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct StoreConsumerTests {
    static let name: SubscriptionName = "test.answers"

    let stage = ManualExecutor()
    let store = FaultyStore()
    let bus: InMemoryEventBus
    let calls = Calls()

    init() {
        self.bus = InMemoryEventBus(clock: self.stage.clock)
    }

    /// Records the handler's calls, and controls whether it fails.
    final class Calls: Sendable {
        struct Failed: Error {}

        private struct State: Sendable {
            var labels: [String] = []
            var failing: [String: Int] = [:]
        }

        private let state = Mutex(State())

        var labels: [String] { self.state.withLock { $0.labels } }

        func fail(_ label: String, times: Int = 1) {
            self.state.withLock { $0.failing[label] = times }
        }

        func enter(_ label: String) throws {
            let fails = self.state.withLock { state in
                state.labels.append(label)
                guard let times = state.failing[label], times > 0 else { return false }
                state.failing[label] = times - 1
                return true
            }
            if fails { throw Failed() }
        }
    }

    /// A consumer that answers each question with an entity and an event.
    func consumer(
        batch: Int = 1,
        doneOn key: UniqueKey<Answer>? = nil,
        retry: RetryPolicy = .standard
    ) -> EventConsumer {
        let answers = self.store.repository(for: Answer.self)
        let calls = self.calls
        let handler: @Sendable (Asked, borrowing Transaction) async throws -> Void = { event, transaction in
            try answers.insert(Answer(event.label), in: transaction)
            try transaction.publish(Noted(label: event.label))
            try calls.enter(event.label)
        }
        let on = key.map { On(Asked.self, doneOn: $0, handler) } ?? On(Asked.self, handler)
        return EventConsumer(
            Self.name,
            on: self.bus,
            store: self.store,
            batch: batch,
            options: ConsumerOptions(concurrency: 1, retry: retry),
            clock: self.stage.clock
        ) {
            on
        }
    }

    func message(_ label: String, id: String? = nil) throws -> Message {
        var message = try Message(Asked(label: label))
        if let id { message.id = id }
        return message
    }

    /// Publishes messages before there is a consumer.
    func enqueue(_ messages: Message...) throws {
        let (bus, messages) = (self.bus, messages)
        try self.stage.run {
            let patterns = [TopicPattern(Asked.topic)]
            try await bus.withDeliveries(to: try Subscription(Self.name, patterns: patterns)) { _ in }
            _ = await bus.publish(messages)
        }
    }

    func publish(_ messages: Message...) throws {
        let (bus, messages) = (self.bus, messages)
        try self.stage.run { _ = await bus.publish(messages) }
        self.stage.settle()
    }

    func hasAnswer(_ label: String) throws -> Bool {
        let answers = self.store.repository(for: Answer.self)
        return try self.stage.run { try await answers.find(by: Answer.byLabel, label) != nil }
    }

    /// The labels of the events that wait in the outbox.
    func published() throws -> [String] {
        let store = self.store
        return try self.stage.run {
            let labels = Mutex<[String]>([])
            try await store.base.outbox.withOwnership { outbox in
                let rows = try await outbox.exchange(published: [], limit: 1000, except: HeldRows())
                labels.withLock { $0 = rows.map(\.message.label) }
            }
            return labels.withLock { $0 }
        }
    }

    var deadLetters: [DeadLetter] { self.bus.report(of: Self.name)?.deadLetters ?? [] }

    // MARK: One effect

    @Test func effectEventAndInboxRowCommitTogether() throws {
        let consumer = self.consumer()
        _ = self.stage.start { try await consumer.run() }
        let message = try self.message("one")
        try self.publish(message)
        #expect(try self.hasAnswer("one"))
        #expect(try self.published() == ["one"])
        let store = self.store
        let fresh = try self.stage.run {
            try await store.transaction { try await $0.context.markHandled([message.identity], by: Self.name) }
        }
        #expect(fresh == [false])
        #expect(consumer.health == .ready)
    }

    @Test func aDuplicateDoesNotReachTheHandler() throws {
        let consumer = self.consumer()
        _ = self.stage.start { try await consumer.run() }
        let message = try self.message("one")
        try self.publish(message, message)
        try self.publish(message, try self.message("two"))
        #expect(self.calls.labels == ["one", "two"])
        #expect(try self.published() == ["one", "two"])
        #expect(self.deadLetters.isEmpty)
    }

    @Test func aFailedHandlerHasNoEffectAndRunsAgain() throws {
        let consumer = self.consumer()
        self.calls.fail("one")
        _ = self.stage.start { try await consumer.run() }
        try self.publish(try self.message("one"))
        #expect(self.calls.labels == ["one"])
        #expect(try !self.hasAnswer("one"))
        #expect(try self.published() == [])
        self.stage.advance(by: .seconds(1))
        #expect(self.calls.labels == ["one", "one"])
        #expect(try self.hasAnswer("one"))
        #expect(try self.published() == ["one"])
    }

    @Test func aHandlerThatAlwaysFailsRunsAsOftenAsThePolicyAllows() throws {
        let consumer = self.consumer(retry: RetryPolicy(attempts: 3, firstDelay: .seconds(1), factor: 1))
        self.calls.fail("one", times: .max)
        _ = self.stage.start { try await consumer.run() }
        try self.publish(try self.message("one"))
        for _ in 0..<5 { self.stage.advance(by: .seconds(1)) }
        #expect(self.calls.labels.count == 3)
        #expect(self.deadLetters.map(\.failures.count) == [3])
        #expect(self.deadLetters.first?.reason == "Failed")
        #expect(try !self.hasAnswer("one"))
        #expect(try self.published() == [])
    }

    @Test func aRedrivenDeadLetterGetsAllAttemptsAgain() throws {
        let consumer = self.consumer(retry: RetryPolicy(attempts: 3, firstDelay: .seconds(1), factor: 1))
        self.calls.fail("one", times: 8)
        _ = self.stage.start { try await consumer.run() }
        try self.publish(try self.message("one"))
        let (bus, name) = (self.bus, Self.name)
        for round in 1...2 {
            for _ in 0..<5 { self.stage.advance(by: .seconds(1)) }
            #expect(self.calls.labels.count == 3 * round)
            #expect(self.deadLetters.map(\.failures.count) == [3])
            #expect(self.deadLetters.map(\.redrives) == [round - 1])
            #expect(try self.stage.run { try await bus.redrive(name) } == 1)
        }
        for _ in 0..<5 { self.stage.advance(by: .seconds(1)) }
        #expect(self.calls.labels.count == 9, "the ninth attempt, the last of its round, succeeds")
        #expect(try self.hasAnswer("one"))
        #expect(self.deadLetters.isEmpty)
    }

    @Test func aRedrivenDeadLetterThatWasHandledHasNoSecondEffect() async throws {
        let message = try self.message("one")
        try self.enqueue(message)
        let (bus, name) = (self.bus, Self.name)
        // A process crashes between storing the dead letter and acknowledging the original, so the message exists
        // twice.
        try self.stage.run {
            try await bus.withDeliveries(to: Subscription(name, patterns: [TopicPattern(Asked.topic)])) { deliveries in
                guard let delivery = try await deliveries.next()?.first else { return }
                let verdict = Verdict.deadLetter(reason: "too early", Failures(count: 1))
                (deliveries as? InMemoryDeliveries)?.copy(delivery.id, verdict)
            }
        }
        #expect(self.deadLetters.count == 1)
        let consumer = self.consumer()
        _ = self.stage.start { try await consumer.run() }
        #expect(self.calls.labels == ["one"])
        #expect(try self.stage.run { try await bus.redrive(name) } == 1)
        self.stage.settle()
        #expect(self.calls.labels == ["one"])
        #expect(self.deadLetters.isEmpty)
    }

    @Test func aConflictOnTheKeyMeansThatTheEffectExists() throws {
        let consumer = self.consumer(doneOn: Answer.byLabel)
        _ = self.stage.start { try await consumer.run() }
        try self.publish(try self.message("one"), try self.message("one"), try self.message("two"))
        #expect(try self.published() == ["one", "two"])
        self.stage.advance(by: .seconds(100_000))
        #expect(self.calls.labels == ["one", "one", "two"], "done means that it is not tried again")
        #expect(self.deadLetters.isEmpty)
    }

    @Test func aConflictIsAFailureWithoutAKeyToBeDoneOn() throws {
        let consumer = self.consumer(retry: .never)
        _ = self.stage.start { try await consumer.run() }
        try self.publish(try self.message("one"), try self.message("one"))
        #expect(self.deadLetters.count == 1)
        #expect(self.deadLetters.first?.reason.contains("answers_label_key") == true)
    }

    @Test func anUndecodableMessageIsADeadLetterAtOnce() throws {
        let consumer = self.consumer()
        _ = self.stage.start { try await consumer.run() }
        var poison = try self.message("poison")
        poison.body = Array("{".utf8)
        try self.publish(poison, try self.message("one"))
        #expect(self.deadLetters.map(\.message) == [poison])
        #expect(self.deadLetters.first?.reason == "test.asked: the body is not valid JSON")
        #expect(self.calls.labels == ["one"])
    }

    @Test func anIDThatCannotBeStoredBecomesADeadLetterAndBlocksNothing() throws {
        let consumer = self.consumer(retry: RetryPolicy(attempts: 2, firstDelay: .seconds(1)))
        _ = self.stage.start { try await consumer.run() }
        try self.publish(try self.message("bad", id: "a\0b"))
        self.stage.advance(by: .seconds(1))
        #expect(self.deadLetters.map(\.failures.count) == [2])
        #expect(self.calls.labels == [])
        try self.publish(try self.message("one"))
        #expect(self.calls.labels == ["one"])
    }
}
