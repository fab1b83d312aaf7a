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

    @Test("Sleeping tasks wake at their own times, one after the other")
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

    @Test("A retry policy climbs the whole ladder, up to 24 hours")
    func wholeLadder() throws {
        try Simulation.run { simulation in
            let starts = Mutex<[Duration]>([])
            simulation.start("greeter") { process in
                Self.greeter(process, retry: RetryPolicy(attempts: 18, factor: 2, cap: .seconds(86_400))) { _, _ in
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
            #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 <= $1 })
            #expect(Set(pauses) == Set(RetryLadder.delays))
            let letters = try await simulation.bus.deadLetters(of: "greeter")
            #expect(letters.map(\.failures.count) == [18])
        }
    }

    // MARK: Reports

    @Test("A message that no consumer will take is reported with its subscription")
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

    @Test("An unsettled delivery is reported")
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

    @Test("An argument out of its range traps")
    func invalidArguments() async {
        await #expect(processExitsWith: .failure) {
            try Simulation.run { _ = $0.start("none", instances: 0) { _ in [] } }
        }
    }

    // MARK: Deaths

    @Test("A killed process starts again, and its unsettled deliveries return")
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

    @Test("What a process does after its death has no effect")
    func deadProcess() throws {
        try Simulation.run { simulation in
            simulation.start("writer") { process in
                let store = process.store("shop")
                return [
                    ClosureService {
                        if process.life == 1 {
                            process.die()
                            // A program that ignores cancellation.
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

    @Test("A stopped process finishes its work and does not start again")
    func stoppedProcess() throws {
        try Simulation.run { simulation in
            let handled = Counter()
            let service = simulation.start("greeter") { process in
                Self.greeter(process) { _, _ in _ = handled.next() }
            }
            try await simulation.settle()
            try await simulation.bus.publish(Greeted(name: "ada"))
            await simulation.idle()
            await service.stop()
            #expect(handled.value == 1)
            try await simulation.bus.publish(Greeted(name: "bob"))
            await simulation.advance(by: .seconds(3600))
            #expect(simulation.unfinished.map(\.state) == [.queued])
        }
    }

    /// A service that runs a closure.
    struct ClosureService: Service {
        let body: @Sendable () async throws -> Void

        func run() async throws { try await self.body() }
    }
}
