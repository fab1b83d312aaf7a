// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import ServiceLifecycle
import Synchronization
import Testing

@Suite("Work that stands still, and shutdowns")
struct StandstillTests {
    private typealias Greeted = SimulationTests.Greeted
    private typealias ClosureService = SimulationTests.ClosureService

    private static let name: SubscriptionName = "greeter"

    private static func rules(of simulation: Simulation, workers: Int? = nil) -> [String] {
        let consumer = HistoryChecker.Consumer(Self.name, topics: [], workers: workers)
        return HistoryChecker([consumer]).violations(in: simulation.history).map(\.rule).filter { $0 != "invented" }
    }

    /// A consumer that takes deliveries and never settles one, which is the planted bug.
    private static func holder(
        _ process: SimulatedProcess,
        onShutdown: @escaping @Sendable (any Deliveries, [Delivery]) -> Void = { deliveries, _ in deliveries.stop() }
    ) -> ClosureService {
        ClosureService {
            let subscription = try Subscription(Self.name, patterns: ["greeted"], prefetch: 8)
            let held = Mutex<[Delivery]>([])
            try await process.bus.withDeliveries(to: subscription) { deliveries in
                try await withGracefulShutdownHandler {
                    while let next = try await deliveries.next() { held.withLock { $0 += next } }
                } onGracefulShutdown: {
                    onShutdown(deliveries, held.withLock { $0 })
                }
            }
        }
    }

    // MARK: Standstill

    @Test(
        "A consumer that holds deliveries without a word is found, and one that says so is not",
        arguments: [
            (Health.ready, ["stalled"]), (Health(problems: ["stuck"]), []), (Health(notes: ["stuck"]), ["stalled"]),
        ]
    )
    func heldDeliveries(_ health: Health, _ rules: [String]) throws {
        try Simulation.run { simulation in
            simulation.start("greeter") { process in
                process.watch { health }
                return [Self.holder(process)]
            }
            try await simulation.settle()
            await simulation.advance(by: .seconds(3000))
            try await simulation.bus.publish(Greeted(name: "ada"))
            await simulation.advance(by: .seconds(600))
            #expect(Self.rules(of: simulation) == [])
            await simulation.advance(by: .seconds(1))
            #expect(Self.rules(of: simulation) == rules)
        }
    }

    @Test("The limit for work that stands still can be set")
    func limit() throws {
        try Simulation.run { simulation in
            simulation.stallLimit = .seconds(5)
            simulation.start("greeter") { process in
                process.watch { .ready }
                return [Self.holder(process)]
            }
            try await simulation.settle()
            try await simulation.bus.publish(Greeted(name: "ada"))
            await simulation.advance(by: .seconds(6))
            #expect(Self.rules(of: simulation) == ["stalled"])
        }
    }

    @Test("A relay that owns an outbox and does not publish is found", arguments: [true, false])
    func heldOutbox(_ isSilent: Bool) throws {
        try Simulation.run { simulation in
            simulation.start("shop") { process in
                let store = process.store("shop")
                process.watch { isSilent ? .ready : Health(problems: ["stuck"]) }
                return [
                    ClosureService {
                        try await store.outbox.withOwnership { _ in
                            try await process.clock.sleep(for: .seconds(1_000_000))
                        }
                    }
                ]
            }
            try await simulation.settle()
            try await simulation.store("shop").transaction { try $0.publish(Greeted(name: "ada")) }
            await simulation.advance(by: .seconds(601))
            #expect(Self.rules(of: simulation) == (isSilent ? ["stalled"] : []))
        }
    }

    @Test("A frozen process is not asked: whoever asks it notices")
    func frozen() throws {
        try Simulation.run { simulation in
            let service = simulation.start("greeter") { process in
                process.watch { .ready }
                return [Self.holder(process)]
            }
            try await simulation.settle()
            try await simulation.bus.publish(Greeted(name: "ada"))
            await simulation.idle()
            service.freeze(for: .seconds(1000))
            await simulation.advance(by: .seconds(1000))
            #expect(Self.rules(of: simulation) == [])
        }
    }

    // MARK: Shutdowns

    @Test("A shutdown that lets deliveries come back as returned is found, and one that gives them back is not")
    func returnsAtShutdown() throws {
        for givesBack in [false, true] {
            try Simulation.run { simulation in
                let service = simulation.start("greeter") { process in
                    [
                        Self.holder(process) { deliveries, held in
                            deliveries.stop()
                            if givesBack { deliveries.giveBack(held.map(\.id)) }
                        }
                    ]
                }
                try await simulation.settle()
                try await simulation.bus.publish(Greeted(name: "ada"))
                await simulation.idle()
                await service.stop()
                #expect(Self.rules(of: simulation) == (givesBack ? [] : ["shutdown"]))
            }
        }
    }

    @Test("What a process starts after its shutdown has begun is counted")
    func startsAfterShutdown() {
        func event(_ number: Int) -> EventIdentity { EventIdentity(source: "/test", id: "\(number)") }
        let history = History { .zero }
        history.record(.started(Self.name, event(0)), at: "a")
        history.record(.stopped(Self.name), at: "a")
        // Again, after an outage of the store.
        history.record(.started(Self.name, event(0)), at: "a")
        for number in 1...3 { history.record(.started(Self.name, event(number)), at: "a") }
        for number in 4...9 { history.record(.started(Self.name, event(number)), at: "b") }
        func rules(_ workers: Int?) -> [String] {
            let consumer = HistoryChecker.Consumer(Self.name, topics: [], workers: workers)
            return HistoryChecker([consumer]).violations(in: history).map(\.rule).filter { $0 == "shutdown" }
        }
        #expect(rules(3) == [])
        #expect(rules(2) == ["shutdown"])
        #expect(rules(nil) == [])
    }

    @Test("A process is asked to shut down at any step, not only at its calls")
    func shutdownBetweenCalls() {
        let faults = Faults([.shutdown], perThousandCalls: 500, maximum: 12)
        let runs = (1...20).map { seed in
            Simulation.check(seed: UInt64(seed), faults: faults) { simulation in
                simulation.start("greeter") { process in
                    [ClosureService { while true { try await process.clock.sleep(for: .seconds(1)) } }]
                }
                await simulation.advance(by: .seconds(300))
                return []
            }
        }
        #expect(runs.allSatisfy { $0.failure == nil })
        #expect(runs.contains { $0.faults.contains { $0.id.isStep && $0.fault == .shutdown } })
    }
}
