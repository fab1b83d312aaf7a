// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("A consumer's handlers and verdicts")
struct EventConsumerTests {
    @Test func eachHandlerGetsTheEventsOfItsType() async throws {
        let world = try ConsumerFixture(topics: ["test.*"])
        let log = world.log
        let life = world.start(
            world.consumer {
                On(Ping.self) { event in log.append("ping \(event.label)") }
                On(Pong.self) { event, message in log.append("pong \(event.count) \(message.id)") }
            }
        )
        let pong = try Message(Pong(count: 3))
        try world.publish([Message(Ping("a")), pong, Message(Ping("b"))])
        #expect(log.entries.sorted() == ["ping a", "ping b", "pong 3 \(pong.id)"])
        await world.drain(life)
        #expect(world.deadLetters.isEmpty)
    }

    @Test func anEventThatIsHandledIsGone() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let life = world.start { log.append($0.label) }
        try world.publish("a")
        await world.drain(life)
        let next = world.start { log.append($0.label) }
        try world.publish("b")
        await world.drain(next)
        #expect(log.entries == ["a", "b"])
    }

    @Test func aFailingEventClimbsTheLadderAndBecomesADeadLetter() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let clock = world.stage.clock
        let life = world.start { event in
            log.append("\(clock.now.offset.components.seconds)")
            throw HandlerFailure()
        }
        let message = try Message(Ping("a"))
        try world.publish([message])
        for delay in [1, 10, 120, 120] {
            let attempts = log.entries.count
            world.stage.advance(by: .seconds(delay) - .milliseconds(1))
            #expect(log.entries.count == attempts)
            world.stage.advance(by: .milliseconds(1))
        }
        #expect(log.entries == ["0", "1", "11", "131", "251"])
        world.stage.advance(by: .seconds(1_000_000))
        #expect(log.entries.count == 5)
        let letter = try #require(world.deadLetters.first)
        #expect(letter.message == message)
        #expect(letter.failures.count == 5)
        #expect(letter.reason == "HandlerFailure")
        #expect(letter.failures.firstAt == Date(timeIntervalSince1970: 0))
        #expect(letter.deadAt == Date(timeIntervalSince1970: 251))
        await world.drain(life)
        #expect(world.deadLetters.count == 1)
    }

    @Test func anEventThatSucceedsInTheEndIsNoDeadLetter() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let life = world.start { event in
            log.append(event.label)
            if log.entries.count < 3 { throw HandlerFailure() }
        }
        try world.publish("a")
        for delay in [1, 10, 120, 120] { world.stage.advance(by: .seconds(delay)) }
        #expect(log.entries == ["a", "a", "a"])
        await world.drain(life)
        #expect(world.deadLetters.isEmpty)
    }

    @Test func withOneAttemptAFailureIsADeadLetterAtOnce() async throws {
        let world = try ConsumerFixture()
        let life = world.start(options: ConsumerOptions(retry: .never)) { _ in throw HandlerFailure() }
        try world.publish("a")
        #expect(world.deadLetters.map(\.failures.count) == [1])
        await world.drain(life)
    }

    @Test func othersFlowWhileOneWaitsForItsRetry() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let life = world.start(options: ConsumerOptions(prefetch: 1, concurrency: 1)) { event in
            log.append(event.label)
            if event.label == "bad" { throw HandlerFailure() }
        }
        try world.publish("bad", "a", "b")
        #expect(log.entries == ["bad", "a", "b"])
        await world.drain(life)
    }

    @Test func poisonIsADeadLetterAtOnceAndItsNeighboursFlow() async throws {
        let world = try ConsumerFixture(topics: ["test.*"])
        let log = world.log
        let life = world.start(options: ConsumerOptions(unknownEvents: .deadLetter)) { log.append($0.label) }
        var broken = try Message(Ping("broken"))
        broken.body = Array(#"{"label":"SECRET"#.utf8)
        var wrong = try Message(Ping("wrong"))
        wrong.body = Array(#"{"label":["SECRET"]}"#.utf8)
        var newer = try Message(Ping("newer"))
        newer.version = 2
        let unheard = try Message(Pong(count: 1))
        try world.publish([Message(Ping("a")), broken, wrong, newer, unheard, Message(Ping("b"))])
        #expect(log.entries.sorted() == ["a", "b"])
        await world.drain(life)
        let reasons = Dictionary(uniqueKeysWithValues: world.deadLetters.map { ($0.message.id, $0.reason) })
        #expect(
            reasons == [
                broken.id: "test.ping: the body is not valid JSON",
                wrong.id: "test.ping: field label has the wrong type",
                newer.id: "test.ping has version 2, this consumer reads up to version 1",
                unheard.id: "no handler for topic test.pong",
            ]
        )
        let started = Set([broken.id, wrong.id])
        #expect(world.deadLetters.allSatisfy { $0.failures.count == (started.contains($0.message.id) ? 1 : 0) })
    }

    @Test func anOlderVersionIsHandled() async throws {
        let world = try ConsumerFixture(topics: [TopicPattern(Pong.topic)])
        let log = world.log
        let life = world.start(world.consumer { On(Pong.self) { log.append("\($0.count)") } })
        var old = try Message(Pong(count: 1))
        old.version = 1
        try world.publish([old])
        await world.drain(life)
        #expect(log.entries == ["1"])
    }

    @Test func aHandlerThatTakesTooLongIsCancelledAndTriedAgain() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let life = world.start { event in
            log.append("start")
            do { try await Gate().wait() } catch {
                log.append("cancelled")
                throw error
            }
        }
        try world.publish("a")
        world.stage.advance(by: .seconds(7) - .milliseconds(1))
        #expect(log.entries == ["start"])
        world.stage.advance(by: .milliseconds(1))
        #expect(log.entries == ["start", "cancelled"])
        world.stage.advance(by: .seconds(1))
        #expect(log.entries == ["start", "cancelled", "start"])
        await world.crash(life)
        #expect(world.deadLetters.isEmpty)
    }

    @Test func theReasonOfTooSlowAHandlerIsTheLimit() async throws {
        let world = try ConsumerFixture()
        let options = ConsumerOptions(retry: .never, timeLimit: .seconds(7))
        let life = world.start(options: options) { _ in try await Gate().wait() }
        try world.publish("a")
        world.stage.advance(by: .seconds(7))
        #expect(world.deadLetters.map(\.reason) == ["TimeLimitExceeded: the time limit of 7.0 seconds was exceeded"])
        await world.drain(life)
    }

    @Test func aCancellationErrorThatNobodyAskedForIsAFailure() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let life = world.start { event in
            log.append(event.label)
            throw CancellationError()
        }
        try world.publish("a")
        #expect(!life.run.hasEnded)
        for delay in [1, 10, 120, 120] { world.stage.advance(by: .seconds(delay)) }
        #expect(log.entries.count == 5)
        #expect(world.deadLetters.map(\.failures.count) == [5])
        await world.drain(life)
    }

    @Test func aLongReasonIsCutShort() async throws {
        struct Long: SafelyDescribedError { var safeDescription: String { String(repeating: "x", count: 5000) } }
        let world = try ConsumerFixture()
        let life = world.start(options: ConsumerOptions(retry: .never)) { _ in throw Long() }
        try world.publish("a")
        #expect(world.deadLetters.map(\.reason.count) == [1000])
        await world.drain(life)
    }

    @Test(arguments: [1, 3])
    func asManyHandlersRunAsTheConcurrencySays(concurrency: Int) async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let gates = (0..<5).map { _ in Gate() }
        let life = world.start(options: ConsumerOptions(concurrency: concurrency)) { event in
            log.append(event.label)
            try await gates[Int(event.label) ?? 0].wait()
        }
        try world.publish("0", "1", "2", "3", "4")
        #expect(log.entries == (0..<concurrency).map { "\($0)" })
        gates[0].open()
        world.stage.settle()
        #expect(log.entries == (0...concurrency).map { "\($0)" })
        for gate in gates { gate.open() }
        await world.drain(life)
        #expect(log.entries.count == 5)
    }

    @Test func twoHandlersForATopicTrap() async {
        await #expect(processExitsWith: .failure) {
            _ = EventConsumer("test", on: InMemoryEventBus()) {
                On(Ping.self) { _ in }
                On(Ping.self) { _ in }
            }
        }
    }

    @Test(arguments: [
        (ConsumerOptions(prefetch: 0), "prefetch is 0, must be 1 to 2000"),
        (ConsumerOptions(prefetch: 2001), "prefetch is 2001, must be 1 to 2000"),
        (ConsumerOptions(prefetchBytes: 0), "prefetchBytes is 0, must be at least 1"),
        (ConsumerOptions(concurrency: 0), "concurrency is 0, must be at least 1"),
        (ConsumerOptions(concurrency: -1), "concurrency is -1, must be at least 1"),
        (ConsumerOptions(timeLimit: .zero), "timeLimit is 0.0 seconds, must be above zero"),
        (
            // An ordered event would stay unsettled for longer than RabbitMQ allows.
            ConsumerOptions(ordering: .perKey, retry: RetryPolicy(attempts: 13)),
            "the delays of an ordered subscription add up to 1211.0 seconds, the limit is 20 minutes"
        ),
    ])
    func optionsOutOfRangeHaveAProblem(_ options: ConsumerOptions, problem: String) {
        #expect(options.problem == problem)
    }

    @Test func validOptionsHaveNoProblem() {
        #expect(ConsumerOptions().problem == nil)
        #expect(ConsumerOptions(ordering: .perKey, prefetch: 2000, concurrency: 1).problem == nil)
    }

    @Test func optionsOutOfRangeTrap() async {
        await #expect(processExitsWith: .failure) {
            _ = EventConsumer("test", on: InMemoryEventBus(), options: ConsumerOptions(prefetch: 0)) {
                On(Ping.self) { _ in }
            }
        }
    }

    @Test func anOtherOrderingThanTheExistingOneEndsTheConsumer() async throws {
        // The world has declared its subscription without order.
        let world = try ConsumerFixture()
        let ordered = world.start(options: ConsumerOptions(ordering: .perKey)) { _ in }
        await world.stage.end(ordered.run)
        #expect((ordered.run.error as? BusError)?.code == .topologyMismatch)
    }

    @Test func untilConsumingThrowsWhenTheConsumerEndsFirst() async throws {
        let world = try ConsumerFixture()
        let consumer = world.consumer(options: ConsumerOptions(ordering: .perKey)) { On(Ping.self) { _ in } }
        let waiting = world.stage.start { try await consumer.untilConsuming() }
        let life = world.start(consumer)
        await world.stage.end(life.run)
        await world.stage.end(waiting)
        #expect((waiting.error as? BusError)?.code == .closed)
    }

    @Test func aSecondRunTraps() async {
        await #expect(processExitsWith: .failure) {
            let consumer = EventConsumer("test", on: InMemoryEventBus()) { On(Ping.self) { _ in } }
            let first = Task { try await consumer.run() }
            try await consumer.untilConsuming()
            try await consumer.run()
            try await first.value
        }
    }
}
