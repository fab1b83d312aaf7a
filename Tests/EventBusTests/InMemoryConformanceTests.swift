// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("Conformance of the in-process bus")
struct InMemoryConformanceTests {
    private struct Harness: EventBusHarness {
        private let virtualClock: VirtualClock
        let bus: any EventBus

        init() {
            self.virtualClock = VirtualClock()
            self.bus = InMemoryEventBus(clock: self.virtualClock)
        }

        var clock: any Clock<Duration> { self.virtualClock }

        func pass(_ duration: Duration) async throws {
            self.virtualClock.advance(by: duration)
        }
    }

    @Test(arguments: EventBusConformance.cases)
    func conforms(_ testCase: EventBusConformance.Case) async throws {
        try await testCase.run(on: Harness())
    }
}

@Suite("Conformance of the in-process bus under random scheduling")
struct ScheduledConformanceTests {
    private struct Harness: EventBusHarness {
        let bus: any EventBus
        let virtualClock: VirtualClock

        var clock: any Clock<Duration> { self.virtualClock }

        func pass(_ duration: Duration) async throws { self.virtualClock.advance(by: duration) }
    }

    @Test(arguments: EventBusConformance.cases)
    func conforms(_ testCase: EventBusConformance.Case) throws {
        for seed in UInt64(1)...10 {
            try Simulation.run(seed: seed) { simulation in
                try await testCase.run(on: Harness(bus: simulation.bus, virtualClock: simulation.clock))
            }
        }
    }

    @Test("Conforms although batches of deliveries are split at random", arguments: EventBusConformance.cases)
    func conformsWhenDisturbed(_ testCase: EventBusConformance.Case) throws {
        for seed in UInt64(1)...10 {
            try Simulation.run(seed: seed, faults: Faults([.split], perThousandCalls: 500, maximum: 1000)) {
                simulation in
                let bus = simulation.process("case").bus
                try await testCase.run(on: Harness(bus: bus, virtualClock: simulation.clock))
            }
        }
    }
}
