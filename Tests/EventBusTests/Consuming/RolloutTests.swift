// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Logging
import Synchronization
import Testing

@Suite("Restarts and rollouts")
struct RolloutTests {
    private static let all: [TopicPattern] = [TopicPattern(Ping.topic), TopicPattern(Pong.topic)]

    @Test func whatWasNeverStartedIsNoSuspectHoweverOftenItIsGivenBack() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let options = ConsumerOptions(prefetch: 64, concurrency: 8)
        for number in 0..<64 { try world.publish("\(number)") }
        for round in 1...3 {
            let gate = Gate()
            let life = world.start(options: options) { event in
                log.append(event.label)
                try await gate.wait()
            }
            life.shutDown()
            await world.stage.settleNextJob()
            #expect(log.entries.count == round * 8, "what waits is not started any more")
            gate.open()
            await world.stage.end(life.run)
        }
        let gate = Gate()
        let next = world.start(options: options) { event in
            log.append(event.label)
            try await gate.wait()
        }
        #expect(log.entries.count == 32, "all workers are busy at once")
        gate.open()
        world.stage.settle()
        #expect(Set(log.entries).count == 64)
        await world.drain(next)
    }

    @Test func afterOneCrashEverythingRunsSideBySide() async throws {
        let world = try ConsumerFixture()
        let gate = Gate()
        let options = ConsumerOptions(prefetch: 64, concurrency: 8)
        for number in 0..<64 { try world.publish("\(number)") }
        await world.crash(world.start(options: options) { _ in try await gate.wait() })
        let log = world.log
        let next = world.start(options: options) { event in
            log.append(event.label)
            try await gate.wait()
        }
        #expect(log.entries.count == 8)
        gate.open()
        await world.drain(next)
    }

    @Test(arguments: [true, false])
    func theEndOfOneOfThreeInstancesCostsTheOthersNothing(isGraceful: Bool) async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let options = ConsumerOptions(prefetch: 64, concurrency: 8)
        try world.publish(try (0..<600).map { try Message(Ping("\($0)")) })
        let lives = (1...3).map { number in
            world.start(options: options) { [clock = world.stage.clock] _ in
                try await clock.sleep(for: .milliseconds(250))
                log.append("\(number)")
            }
        }
        func handled(by numbers: String...) -> Int { log.entries.count { numbers.contains($0) } }
        for _ in 0..<4 { world.stage.advance(by: .milliseconds(250)) }
        #expect(handled(by: "1", "2") == 64 && handled(by: "3") == 32)
        if isGraceful {
            lives[2].shutDown()
            await world.stage.settleNextJob()
        } else {
            await world.crash(lives[2])
        }
        for _ in 0..<16 { world.stage.advance(by: .milliseconds(250)) }
        #expect(handled(by: "1", "2") == 64 + 256, "two instances with 8 handlers each for 4 s")
        for life in lives.prefix(isGraceful ? 3 : 2) {
            life.run.cancel()
            await world.stage.end(life.run)
        }
    }

    @Test func anUnknownTopicWaitsForAnInstanceThatKnowsIt() async throws {
        let world = try ConsumerFixture(topics: Self.all)
        let log = world.log
        let old = world.start { log.append("old \($0.label)") }
        try world.publish([try Message(Pong(count: 1)), try Message(Ping("a"))])
        #expect(log.entries == ["old a"])
        world.stage.advance(by: .seconds(3600))
        #expect(world.deadLetters.isEmpty)
        await world.drain(old)
        let new = world.start(
            world.consumer { On(Pong.self) { log.append("new \($0.count)") } }
        )
        world.stage.advance(by: .seconds(600))
        #expect(log.entries == ["old a", "new 1"])
        await world.drain(new)
    }

    @Test func aNewerVersionWaitsForAnInstanceThatReadsIt() async throws {
        let world = try ConsumerFixture(topics: Self.all)
        let log = world.log
        let old = world.start(world.consumer { On(Pong.self) { log.append("\($0.count)") } })
        var message = try Message(Pong(count: 1))
        message.version = 3
        try world.publish([message])
        world.stage.advance(by: .seconds(86_400 + 700))
        #expect(log.entries.isEmpty)
        let reason = "test.pong has version 3, this consumer reads up to version 2"
        #expect(world.deadLetters.map(\.reason) == [reason])
        await world.drain(old)
    }

    @Test func aRemovedHandlerUnbindsItsTopicAndItsEventsAreDone() async throws {
        let world = try ConsumerFixture(topics: Self.all)
        let log = world.log
        try world.publish([try Message(Pong(count: 1)), try Message(Ping("a"))])
        let life = world.start(
            world.consumer {
                On(Ping.self) { log.append($0.label) }
                On.removed(Pong.topic)
            }
        )
        #expect(log.entries == ["a"])
        #expect(world.deadLetters.isEmpty && world.bus.isIdle)
        let outcome = try world.stage.run { [bus = world.bus] in await bus.publish([try Message(Pong(count: 2))]) }
        #expect(outcome.map { "\($0)" } == ["unroutable"], "nothing is bound to the topic any more")
        await world.drain(life)
    }

    @Test func aHandlerThatSwallowsItsCancellationHasFailed() async throws {
        let world = try ConsumerFixture()
        let life = world.start(options: ConsumerOptions(retry: .never, timeLimit: .seconds(1))) { _ in
            try? await Gate().wait()
        }
        try world.publish("a")
        world.stage.advance(by: .seconds(1))
        #expect(
            world.deadLetters.map(\.reason) == ["TimeLimitExceeded: the time limit of 1.0 seconds was exceeded"]
        )
        await world.drain(life)
    }

    @Test func aHandlerThatSwallowsTheEndOfItsConsumerHasNotHandledTheEvent() async throws {
        let world = try ConsumerFixture()
        let life = world.start { _ in try? await Gate().wait() }
        try world.publish("a")
        await world.crash(life)
        let log = world.log
        let next = world.start { log.append($0.label) }
        #expect(log.entries == ["a"])
        await world.drain(next)
    }

    @Test func theReasonTellsTheLastErrorAndWhatHappenedAfterIt() async throws {
        let world = try ConsumerFixture()
        let options = ConsumerOptions(retry: RetryPolicy(attempts: 3, firstDelay: .seconds(1), factor: 1))
        let failing = world.start(options: options) { _ in throw BusError(.refused, "full") }
        try world.publish("a")
        world.stage.advance(by: .milliseconds(1500))
        await world.drain(failing)
        for _ in 0..<3 {
            let hanging = world.start(options: options) { _ in try await Gate().wait() }
            world.stage.advance(by: .seconds(1))
            await world.crash(hanging)
        }
        let next = world.start(options: options) { _ in }
        #expect(
            world.deadLetters.map(\.reason)
                == ["BusError: refused: full; then 1 more were started and did not end"]
        )
        await world.drain(next)
    }

    @Test func theTextOfAnErrorReachesNoDeadLetter() async throws {
        struct Leaky: Error, CustomStringConvertible { let description = "ada@example.com" }
        let world = try ConsumerFixture()
        let life = world.start(options: ConsumerOptions(retry: .never)) { _ in throw Leaky() }
        try world.publish("a")
        #expect(world.deadLetters.map(\.reason) == ["Leaky"])
        await world.drain(life)
    }

    @Test func workersPastTheirTimeLimitAreAProblem() async throws {
        let world = try ConsumerFixture()
        let gate = WaitList<Bool, Void, Void>(false)
        let life = world.start(options: ConsumerOptions(concurrency: 2, timeLimit: .milliseconds(100))) { _ in
            await gate.waitIgnoringCancellation { isOpen, _ in isOpen ? .answer(()) : .wait(()) }
        }
        let message = try Message(Ping("a"))
        try world.publish([message, try Message(Ping("b")), try Message(Ping("c"))])
        world.stage.advance(by: .milliseconds(100))
        #expect(life.consumer.health.isReady)
        world.stage.advance(by: .seconds(2))
        #expect(
            life.consumer.health.problems == [
                "consumer test has 2 of 2 workers past the time limit of 0.1 seconds, the longest for 2.0 seconds: "
                    + "topic test.ping, message \(message.id)"
            ]
        )
        gate.change { isOpen, waiters in
            isOpen = true
            waiters.resumeAll(returning: ())
        }
        world.stage.settle()
        #expect(life.consumer.health.isReady)
        life.run.cancel()
        await world.stage.end(life.run)
    }
}
