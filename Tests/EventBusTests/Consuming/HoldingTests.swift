// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Logging
import Synchronization
import Testing

@Suite("A consumer whose store is unavailable")
struct HoldingTests {
    private struct Away: SafelyDescribedError { let safeDescription = "no database" }

    /// Is unavailable as often as a test wants, and logs what it was asked.
    private final class Processor: DeliveryProcessor {
        private struct State: Sendable {
            var startsAway = 0
            var messagesAway = 0
        }

        let log = Log<String>()
        private let state: Mutex<State>
        let batch: Int

        init(startsAway: Int = 0, messagesAway: Int = 0, batch: Int = 1) {
            self.state = Mutex(State(startsAway: startsAway, messagesAway: messagesAway))
            self.batch = batch
        }

        var topics: [Topic] { [Ping.topic] }
        var countsAttempts: Bool { true }

        var removedTopics: [Topic] { [] }

        func misfit(of message: Message) -> Misfit? { nil }

        func isHandled(_ event: EventIdentity) async throws -> Bool { false }

        func number(of attempt: Attempt, claim: Identifier) async throws -> Int {
            let isAway = self.state.withLock { state in
                defer { state.startsAway = max(0, state.startsAway - 1) }
                return state.startsAway > 0
            }
            if isAway { throw StoreTrouble(.away, Away()) }
            return attempt.failures + attempt.returns + 1
        }

        func process(_ messages: [Message], within limit: WorkLimit) async throws -> ProcessingResult {
            let isAway = self.state.withLock { state in
                defer { state.messagesAway = max(0, state.messagesAway - 1) }
                return state.messagesAway > 0
            }
            for message in messages {
                self.log.append((isAway ? "away " : "done ") + (try message.decode(Ping.self).label))
            }
            return isAway ? .troubled(StoreTrouble(.away, Away())) : .done
        }
    }

    private func start(_ world: ConsumerFixture, _ processor: Processor) -> ConsumerFixture.Life {
        world.start(
            EventConsumer(
                world.name,
                on: world.bus,
                options: ConsumerOptions(concurrency: 1, retry: .never),
                processor: processor,
                clock: world.stage.clock,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
        )
    }

    @Test func whatCannotBeProcessedIsHeldAndNoAttemptIsUsedUp() async throws {
        let world = try ConsumerFixture()
        let processor = Processor(messagesAway: 8)
        let life = self.start(world, processor)
        try world.publish("a")
        for (index, pause) in [20, 40, 80, 160, 320, 640, 1000, 1000].enumerated() {
            #expect(processor.log.entries.count == index + 1)
            #expect(life.consumer.health.problems == ["consumer test holds its deliveries: Away: no database"])
            world.stage.advance(by: .milliseconds(pause - 1))
            #expect(processor.log.entries.count == index + 1)
            world.stage.advance(by: .milliseconds(1))
        }
        #expect(processor.log.entries.last == "done a")
        #expect(life.consumer.health.isReady)
        await world.drain(life)
        #expect(world.deadLetters.isEmpty)
    }

    @Test func whatCannotBeStartedIsHeldToo() async throws {
        let world = try ConsumerFixture()
        // Only starts after the first are asked for.
        try world.publish("a")
        let subscription = try Subscription(world.name, patterns: [TopicPattern(Ping.topic)])
        try world.stage.run { [bus = world.bus] in
            try await bus.withDeliveries(to: subscription) { _ = try await $0.next() }
        }
        let processor = Processor(startsAway: 2)
        let life = self.start(world, processor)
        #expect(life.consumer.health.problems == ["consumer test holds its deliveries: Away: no database"])
        #expect(processor.log.entries.isEmpty)
        world.stage.advance(by: .milliseconds(20))
        world.stage.advance(by: .milliseconds(40))
        #expect(processor.log.entries == ["done a"])
        await world.drain(life)
    }

    @Test func aBatchIsHeldAndProcessedTogetherAgain() async throws {
        let world = try ConsumerFixture()
        try world.publish("a", "b", "c")
        let processor = Processor(messagesAway: 1, batch: 3)
        let life = self.start(world, processor)
        #expect(processor.log.entries == ["away a", "away b", "away c"])
        world.stage.advance(by: .milliseconds(20))
        #expect(processor.log.entries.suffix(3) == ["done a", "done b", "done c"])
        await world.drain(life)
    }

    @Test func theShutdownGivesBackWhatIsHeld() async throws {
        let world = try ConsumerFixture()
        try world.publish("a")
        let life = self.start(world, Processor(messagesAway: .max))
        life.shutDown()
        await world.stage.settleNextJob()
        world.stage.advance(by: .milliseconds(20))
        await world.stage.end(life.run)
        #expect(life.run.error == nil)
        let log = world.log
        let next = world.start { log.append($0.label) }
        #expect(log.entries == ["a"])
        await world.drain(next)
    }
}
