// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Logging
import Testing

@testable import EventBus

@Suite("A consumer's start, interruption and end")
struct ConsumerLifeTests {
    @Test func atShutdownWhatRunsIsFinishedAndTheRestGoesBackAtOnce() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let gate = Gate()
        let life = world.start(options: ConsumerOptions(prefetch: 3, concurrency: 2)) { event in
            try await gate.wait()
            log.append(event.label)
        }
        try world.publish("a", "b", "c", "d")
        life.shutDown()
        await world.stage.settleNextJob()
        #expect(!life.run.hasEnded)
        #expect(log.entries.isEmpty)
        let next = world.start { log.append($0.label) }
        #expect(log.entries.sorted() == ["c", "d"], "handlers that still run do not hold up the rest")
        gate.open()
        await world.stage.end(life.run)
        #expect(life.run.error == nil)
        #expect(log.entries.sorted() == ["a", "b", "c", "d"])
        await world.drain(next)
    }

    @Test func verdictsAreFlushedBeforeTheScopeEnds() async throws {
        let world = try ConsumerFixture()
        let bus = FragileBus(world)
        let life = world.start(on: bus) { _ in }
        try world.publish("a")
        #expect(bus.flushes == 0)
        await world.drain(life)
        #expect(bus.flushes == 1)
    }

    @Test func anIdleConsumerEndsAtShutdown() async throws {
        let world = try ConsumerFixture()
        let life = world.start { _ in }
        #expect(!life.run.hasEnded)
        await world.drain(life)
        #expect(life.consumer.health.problems == ["consumer test has ended"])
    }

    @Test func aConsumerThatCannotReachTheBusEndsAtShutdown() async throws {
        let world = try ConsumerFixture()
        let life = world.start(on: FragileBus(world, refusals: .max)) { _ in }
        await world.drain(life)
    }

    @Test func aFailureDuringShutdownIsStillRetriedLater() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let gate = Gate()
        let life = world.start { event in
            try await gate.wait()
            log.append("failed")
            throw HandlerFailure()
        }
        try world.publish("a")
        life.shutDown()
        await world.stage.settleNextJob()
        gate.open()
        await world.stage.end(life.run)
        let next = world.start { log.append($0.label) }
        #expect(log.entries == ["failed"])
        world.stage.advance(by: .seconds(1))
        #expect(log.entries == ["failed", "a"])
        await world.drain(next)
    }

    @Test func cancellationGivesBackWhatIsNotSettled() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let life = world.start { event in
            if event.label == "a" { return }
            log.append("started")
            do { try await Gate().wait() } catch {
                log.append("cancelled")
                throw error
            }
        }
        try world.publish("a", "b")
        await world.crash(life)
        #expect(log.entries == ["started", "cancelled"])
        let next = world.start { log.append($0.label) }
        #expect(log.entries == ["started", "cancelled", "b"])
        await world.drain(next)
        #expect(world.deadLetters.isEmpty)
    }

    @Test func anUnreachableBusIsTriedAgainWithGrowingPauses() async throws {
        let world = try ConsumerFixture()
        let bus = FragileBus(world, refusals: 9)
        let log = world.log
        let life = world.start(on: bus) { log.append($0.label) }
        try world.publish("a")
        let pauses = [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]
        for pause in pauses {
            let count = bus.openings.count
            world.stage.advance(by: .milliseconds(pause - 1))
            #expect(bus.openings.count == count)
            #expect(log.entries.isEmpty)
            world.stage.advance(by: .milliseconds(1))
            #expect(bus.openings.count == count + 1)
        }
        #expect(log.entries == ["a"])
        await world.drain(life)
    }

    @Test func aLostConnectionCancelsHandlersAndIsReplaced() async throws {
        let world = try ConsumerFixture()
        let bus = FragileBus(world, refusals: 2)
        let log = world.log
        let life = world.start(on: bus) { event in
            log.append("start \(event.label)")
            if log.entries.count > 1 { return }
            do { try await Gate().wait() } catch {
                log.append("cancelled")
                throw error
            }
        }
        world.stage.advance(by: .milliseconds(50))
        world.stage.advance(by: .milliseconds(100))
        try world.publish("a")
        #expect(log.entries == ["start a"])
        // Less than the handler's time limit and less than what counts as a success.
        world.stage.advance(by: .seconds(6))
        bus.cut()
        world.stage.settle()
        #expect(log.entries == ["start a", "cancelled"])
        #expect(life.consumer.health.problems == ["consumer test is not consuming: connectionLost: cut"])
        world.stage.advance(by: .milliseconds(199))
        #expect(bus.openings.count == 3)
        world.stage.advance(by: .milliseconds(1))
        #expect(bus.openings.count == 4)
        #expect(log.entries == ["start a", "cancelled", "start a"])
        #expect(life.consumer.health.isReady)
        world.stage.advance(by: .seconds(10))
        bus.cut()
        // It was open for long, so it is opened again soon.
        world.stage.advance(by: .milliseconds(50))
        #expect(bus.openings.count == 5)
        await world.drain(life)
        #expect(world.deadLetters.isEmpty)
    }

    @Test func thePausesBeforeReopeningGrowToTwoSecondsUntilItStaysOpen() {
        var pause = ReopeningPause()
        let unopened = (0..<8).map { _ in pause.next(openFor: nil) }
        #expect(unopened == [50, 100, 200, 400, 800, 1600, 2000, 2000].map { .milliseconds($0) })
        #expect(pause.next(openFor: .seconds(9.9)) == .seconds(2))
        #expect(pause.next(openFor: .seconds(10)) == .milliseconds(50))
        #expect(pause.next(openFor: .zero) == .milliseconds(100))
    }

    @Test func aLostConnectionEndsAWaitingConsumerToo() async throws {
        let world = try ConsumerFixture()
        let bus = FragileBus(world)
        let log = world.log
        let life = world.start(on: bus) { log.append($0.label) }
        for pause in [50, 100, 200] {
            bus.cut()
            world.stage.settle()
            #expect(!life.consumer.health.isReady)
            world.stage.advance(by: .milliseconds(pause))
            #expect(life.consumer.health.isReady)
        }
        try world.publish("a")
        #expect(log.entries == ["a"])
        await world.drain(life)
    }

    @Test func aConnectionThatIsLostDuringShutdownEndsTheConsumer() async throws {
        let world = try ConsumerFixture()
        let bus = FragileBus(world)
        let life = world.start(on: bus) { _ in try await Gate().wait() }
        try world.publish("a")
        life.run.cancel()
        bus.cut()
        await world.stage.end(life.run)
        #expect(life.run.error is CancellationError)
        #expect(bus.openings.count == 1)
    }

    @Test func healthTellsThePhase() async throws {
        let world = try ConsumerFixture()
        let bus = FragileBus(world, refusals: 1)
        let consumer = world.consumer(on: bus) { On(Ping.self) { _ in } }
        #expect(consumer.health.problems == ["consumer test has not been started"])
        let life = world.start(consumer)
        #expect(consumer.health.problems == ["consumer test is not consuming: unavailable: no broker"])
        world.stage.advance(by: .milliseconds(50))
        #expect(consumer.health == .ready)
        await world.drain(life)
        #expect(consumer.health.problems == ["consumer test has ended"])
    }

    @Test func healthTellsThatTheSubscriptionIsNotYetOpen() async throws {
        struct SlowBus: PartialBus {
            let gate: Gate
            func publish(_ messages: [Message]) async -> [PublishOutcome] { [] }
            func withDeliveries(
                to subscription: Subscription,
                _ body: (any Deliveries) async throws -> Void
            ) async throws {
                try await self.gate.wait()
            }
        }
        let world = try ConsumerFixture()
        let life = world.start(on: SlowBus(gate: Gate())) { _ in }
        #expect(life.consumer.health.problems == ["consumer test is not consuming yet"])
        // With nothing to drain the shutdown cancels.
        await world.drain(life)
    }

    @Test func anErrorThatIsNoBusErrorIsToldByItsTypeOnly() async throws {
        struct TellingBus: PartialBus {
            struct Secret: Error, CustomStringConvertible { let description = "SECRET" }
            func publish(_ messages: [Message]) async -> [PublishOutcome] { [] }
            func withDeliveries(
                to subscription: Subscription,
                _ body: (any Deliveries) async throws -> Void
            ) async throws {
                throw Secret()
            }
        }
        let world = try ConsumerFixture()
        let life = world.start(on: TellingBus()) { _ in }
        #expect(life.consumer.health.problems == ["consumer test is not consuming: Secret"])
        await world.crash(life)
    }
}
