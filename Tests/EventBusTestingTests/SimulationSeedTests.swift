// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Testing

@Suite("Seeds of simulations")
struct SimulationSeedTests {
    /// Greets ten people through an outbox, under faults; `isBroken` decides whether a promise is broken.
    private static func scenario(_ isBroken: @escaping @Sendable (Simulation) -> Bool)
        -> @Sendable (Simulation) async throws -> [Violation]
    {
        { simulation in
            let subscription = try Subscription("greeter", patterns: ["greeted"])
            try await simulation.bus.withDeliveries(to: subscription) { _ in }
            simulation.start("greeter", instances: 2) { process in
                let store = process.store("shop")
                return SimulationTests.greeter(process) { _, _ in }
                    + [OutboxRelay(from: store, to: process.bus, batch: 2, clock: process.clock)]
            }
            for number in 0..<10 {
                try await simulation.store("shop").transaction {
                    try $0.publish(SimulationTests.Greeted(name: "\(number % 3)"))
                }
                await simulation.advance(by: .milliseconds(100))
            }
            try await simulation.finish()
            return isBroken(simulation) ? [Violation("test", nil, nil, "is broken")] : []
        }
    }

    @Test("A seed takes the same steps twice, and another seed takes others")
    func replays() {
        let runs = (1...20).map { seed in Simulation.check(seed: UInt64(seed), Self.scenario { _ in false }) }
        let again = (1...20).map { seed in Simulation.check(seed: UInt64(seed), Self.scenario { _ in false }) }
        #expect(runs.map(\.fingerprint) == again.map(\.fingerprint))
        #expect(runs.map(\.history.records) == again.map(\.history.records))
        #expect(Set(runs.map(\.fingerprint)).count == runs.count)
        #expect(runs.allSatisfy { $0.failure == nil })
        #expect(runs.contains { !$0.faults.isEmpty })
    }

    @Test("A failing seed is reduced to the faults that are needed")
    func shrinks() throws {
        let scenario = Self.scenario { simulation in
            simulation.history.records.contains { record in
                if case .note(let text) = record.what { text.hasPrefix("lost answer") } else { false }
            }
        }
        // Half of all calls go wrong, so that many faults are irrelevant.
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

    @Test("A run that does not settle fails after so many steps, with its seed")
    func endlessRun() throws {
        let run = Simulation.check(seed: 3, faults: .none, steps: 1000) { simulation in
            simulation.start("clock") { process in
                [
                    SimulationTests.ClosureService {
                        while true { try await process.clock.sleep(for: .seconds(1)) }
                    }
                ]
            }
            try await simulation.finish { false }
            return []
        }
        let failure = try #require(run.failure)
        #expect(failure.error is UnfinishedWork)
        #expect(failure.description.contains("Seed 3 fails"))
        #expect(failure.description.contains("it does not settle: it is not done after 1000 steps"))
        #expect(run.steps < 1100)
    }
}
