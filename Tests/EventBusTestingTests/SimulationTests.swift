// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import ServiceLifecycle
import Synchronization
import Testing

@Suite("Simulation")
struct SimulationTests {
    struct Greeted: Event {
        static let topic: Topic = "greeted"
        let name: String
        var orderingKey: String? { self.name }
    }

    /// Counts the starts of a handler over all lives of a process.
    final class Counter: Sendable {
        private let state = Mutex(0)
        var value: Int { self.state.withLock { $0 } }
        func next() -> Int {
            self.state.withLock { count in
                count += 1
                return count
            }
        }
    }

    struct Refused: Error {}

    static func greeter(
        _ process: SimulatedProcess,
        retry: RetryPolicy = .standard,
        _ handler: @escaping @Sendable (Greeted, Message) async throws -> Void
    ) -> [any Service] {
        let options = ConsumerOptions(retry: retry)
        return [
            EventConsumer("greeter", on: process.bus, options: options, clock: process.clock) {
                On(Greeted.self, handler)
            }
        ]
    }

    // MARK: Time

    @Test("Who sleeps wakes at its own time, one after the other")
    func sleepersWakeInTurn() throws {
        let times = try Simulation.run { simulation in
            let times = Mutex<[Duration]>([])
            simulation.start("sleepers") { process in
                [
                    ClosureService {
                        for _ in 0..<3 {
                            try await process.clock.sleep(for: .seconds(10))
                            times.withLock { $0.append(process.clock.now.offset) }
                        }
                        try await process.clock.sleep(for: .seconds(1_000_000))
                    }
                ]
            }
            await simulation.advance(by: .seconds(25))
            #expect(simulation.clock.now.offset == .seconds(25))
            await simulation.advance(by: .seconds(5))
            return times.withLock { $0 }
        }
        #expect(times == [.seconds(10), .seconds(20), .seconds(30)])
    }

    @Test("A retry policy that goes up the whole ladder, to its 24 hours")
    func wholeLadder() throws {
        try Simulation.run { simulation in
            let starts = Mutex<[Duration]>([])
            simulation.start("greeter") { process in
                Self.greeter(process, retry: RetryPolicy(attempts: 9, factor: 6)) { _, _ in
                    starts.withLock { $0.append(process.clock.now.offset) }
                    throw Refused()
                }
            }
            try await simulation.settle()
            try await simulation.bus.publish(Greeted(name: "ada"))
            try await simulation.settle()
            #expect(simulation.unfinished.map(\.state) == [.delayed])
            try await simulation.finish()
            let pauses = starts.withLock { starts in zip(starts, starts.dropFirst()).map { $1 - $0 } }
            #expect(pauses == RetryLadder.delays)
            let letters = try await simulation.bus.deadLetters(of: "greeter")
            #expect(letters.map(\.failures.count) == [9])
        }
    }

    // MARK: Reports

    @Test("What nobody will take is reported with its place")
    func reportsQueued() throws {
        try Simulation.run { simulation in
            let subscription = try Subscription("nobody", patterns: ["greeted"])
            try await simulation.bus.withDeliveries(to: subscription) { _ in }
            try await simulation.bus.publish(Greeted(name: "ada"))
            let stuck = await #expect(throws: UnfinishedWork.self) { try await simulation.settle() }
            #expect(stuck?.items.map(\.description) == ["1 queued: nobody, no consumer"])
        }
    }

    @Test("An outbox that no relay reads is reported")
    func reportsOutbox() throws {
        try Simulation.run { simulation in
            try await simulation.store("shop").transaction { try $0.publish(Greeted(name: "ada")) }
            let stuck = await #expect(throws: UnfinishedWork.self) { try await simulation.settle() }
            #expect(stuck?.items.map(\.description) == ["1 in the outbox: store shop, no relay owns the outbox"])
        }
    }

    @Test("A delivery that is held is reported")
    func reportsInFlight() throws {
        try Simulation.run { simulation in
            let subscription = try Subscription("holder", patterns: ["greeted"])
            try await simulation.bus.withDeliveries(to: subscription) { deliveries in
                try await simulation.bus.publish(Greeted(name: "ada"))
                _ = try await deliveries.next()
                let stuck = await #expect(throws: UnfinishedWork.self) { try await simulation.settle() }
                #expect(stuck?.items.map(\.state) == [.inFlight])
            }
        }
    }

    @Test("A publisher that waits for room is reported, although it sleeps")
    func reportsPublisher() throws {
        // With some seeds subscriptions have room for a few messages only.
        let full = try (UInt64(1)...20).filter { seed in
            try Simulation.run(seed: seed, faults: Faults([], perThousandCalls: 0, maximum: 0, fullSubscriptions: true))
            {
                simulation in
                let subscription = try Subscription("nobody", patterns: ["greeted"])
                try await simulation.bus.withDeliveries(to: subscription) { _ in }
                simulation.start("publisher") { process in
                    [
                        ClosureService {
                            for number in 0..<20 { try await process.bus.publish(Greeted(name: "\(number)")) }
                            try await process.clock.sleep(for: .seconds(1_000_000))
                        }
                    ]
                }
                let stuck = await #expect(throws: UnfinishedWork.self) { try await simulation.settle() }
                let queued = stuck?.items.first { $0.state == .queued }?.count
                let isFull = stuck?.items.contains { $0.state == .publisher && $0.place == "nobody" } == true
                #expect(isFull == (queued != 20))
                return isFull
            }
        }
        #expect(!full.isEmpty && full.count < 20)
    }

    @Test("A test that waits for something outside ends with a report")
    func reportsEscape() throws {
        let stuck = #expect(throws: UnfinishedWork.self) {
            try Simulation.run { _ in
                let (nothing, _) = AsyncStream.makeStream(of: Void.self)
                for await _ in nothing {}
            }
        }
        #expect(stuck?.description.contains("the test waits for something outside the simulation") == true)
    }

    @Test("A process that ends by itself ends the run")
    func reportsFailedProcess() throws {
        let failure = #expect(throws: ProcessFailed.self) {
            try Simulation.run { simulation in
                simulation.start("broken") { _ in [ClosureService { throw Refused() }] }
                try await simulation.settle()
            }
        }
        #expect(failure?.process == "broken")
        #expect(failure?.cause is Refused)
    }

    // MARK: Deaths

    @Test("A killed process starts again, and what it had not settled comes back")
    func killedProcess() throws {
        try Simulation.run { simulation in
            let starts = Counter()
            let lives = Mutex<[Int]>([])
            let service = simulation.start("greeter") { process in
                Self.greeter(process) { _, _ in
                    lives.withLock { $0.append(process.life) }
                    if starts.next() == 1 { try await process.clock.sleep(for: .seconds(10)) }
                }
            }
            try await simulation.settle()
            try await simulation.bus.publish(Greeted(name: "ada"))
            await simulation.idle()
            await service.kill()
            try await simulation.finish()
            #expect(lives.withLock { $0 } == [1, 2])
        }
    }

    @Test("What a process does after its death reaches nobody")
    func deadProcess() throws {
        try Simulation.run { simulation in
            simulation.start("writer") { process in
                let store = process.store("shop")
                return [
                    ClosureService {
                        if process.life == 1 {
                            process.die()
                            // A program that does not look at its cancellation.
                            _ = try? await store.transaction { try $0.publish(Greeted(name: "ghost")) }
                            _ = await process.bus.publish([try Message(Greeted(name: "ghost"))])
                        }
                        try await process.clock.sleep(for: .seconds(1_000_000))
                    }
                ]
            }
            try await simulation.settle()
            #expect(
                simulation.history.records.allSatisfy { record in
                    if case .note = record.what { true } else { false }
                }
            )
            #expect(simulation.unfinished.isEmpty)
        }
    }

    @Test("A process that is stopped finishes what it has begun and does not start again")
    func stoppedProcess() throws {
        try Simulation.run { simulation in
            let handled = Counter()
            let service = simulation.start("greeter") { process in
                Self.greeter(process) { _, _ in _ = handled.next() }
            }
            try await simulation.settle()
            try await simulation.bus.publish(Greeted(name: "ada"))
            await service.stop()
            #expect(handled.value == 1)
            try await simulation.bus.publish(Greeted(name: "bob"))
            await simulation.advance(by: .seconds(3600))
            #expect(simulation.unfinished.map(\.state) == [.queued])
        }
    }

    // MARK: Seeds

    /// Greets ten people by way of an outbox, under faults; a promise is broken when `isBroken` says so.
    private static func scenario(_ isBroken: @escaping @Sendable (Simulation) -> Bool)
        -> @Sendable (Simulation) async throws -> [Violation]
    {
        { simulation in
            let subscription = try Subscription("greeter", patterns: ["greeted"])
            try await simulation.bus.withDeliveries(to: subscription) { _ in }
            simulation.start("greeter", instances: 2) { process in
                let store = process.store("shop")
                return Self.greeter(process) { _, _ in }
                    + [OutboxRelay(from: store, to: process.bus, batch: 2, clock: process.clock)]
            }
            for number in 0..<10 {
                try await simulation.store("shop").transaction { try $0.publish(Greeted(name: "\(number % 3)")) }
                await simulation.advance(by: .milliseconds(100))
            }
            try await simulation.finish()
            return isBroken(simulation) ? [Violation("test", nil, "", "is broken")] : []
        }
    }

    @Test("A seed takes the same way twice, and another seed another one")
    func replays() {
        let runs = (1...20).map { seed in Simulation.check(seed: UInt64(seed), Self.scenario { _ in false }) }
        let again = (1...20).map { seed in Simulation.check(seed: UInt64(seed), Self.scenario { _ in false }) }
        #expect(runs.map(\.fingerprint) == again.map(\.fingerprint))
        #expect(runs.map(\.history.records) == again.map(\.history.records))
        #expect(Set(runs.map(\.fingerprint)).count == runs.count)
        #expect(runs.allSatisfy { $0.failure == nil })
        #expect(runs.contains { !$0.faults.isEmpty })
    }

    @Test("A failing seed is reduced to the faults that it takes")
    func shrinks() throws {
        let scenario = Self.scenario { simulation in
            simulation.history.records.contains { record in
                if case .note(let text) = record.what { text.hasPrefix("lost answer") } else { false }
            }
        }
        // Half of all calls go wrong, so that many faults have nothing to do with it.
        let faults = Faults([.lostAnswer, .delay], perThousandCalls: 500, maximum: 8)
        let failure = try #require(
            (1...20).lazy.compactMap { seed in Simulation.check(seed: UInt64(seed), faults: faults, scenario).failure }
                .first { $0.faultsBefore > 3 }
        )
        #expect(failure.faults.map(\.fault).contains(.lostAnswer))
        #expect(failure.faults.count < failure.faultsBefore)
        #expect(failure.description.contains("SEED=\(failure.seed) for tests"))
        #expect(failure.timeline.contains("lost answer"))
    }

    /// A service of a closure.
    struct ClosureService: Service {
        let body: @Sendable () async throws -> Void

        func run() async throws { try await self.body() }
    }
}
