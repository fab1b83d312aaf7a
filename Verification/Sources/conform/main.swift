// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Foundation

// conform: both conformance suites on the in-process bus and store, on several schedules; prints the broken rules.

struct BusHarness: EventBusHarness {
    let simulation: Simulation

    var bus: any EventBus { self.simulation.bus }
    var clock: any Clock<Duration> { self.simulation.clock }

    func pass(_ duration: Duration) async throws { self.simulation.clock.advance(by: duration) }
}

struct MemoryHarness: StoreHarness {
    private let clock: VirtualClock
    let store: any Store
    let otherStore: any Store

    init(_ clock: VirtualClock) {
        self.clock = clock
        self.store = InMemoryStore(clock: clock)
        self.otherStore = InMemoryStore(clock: clock)
    }

    func pass(_ duration: Duration) async throws { self.clock.advance(by: duration) }
}

let seeds: ClosedRange<UInt64> = 1...5
var broken: [String] = []

for testCase in EventBusConformance.cases {
    let failure = seeds.lazy.compactMap { seed in
        Result { try Simulation.run(seed: seed) { try await testCase.run(on: BusHarness(simulation: $0)) } }.failure
    }.first
    if let failure { broken.append("bus: \(testCase): \(failure)") }
}
for testCase in StoreConformance.cases {
    let failure = seeds.lazy.compactMap { seed in
        Result { try Simulation.run(seed: seed) { try await testCase.run(on: MemoryHarness($0.clock)) } }.failure
    }.first
    if let failure { broken.append("store: \(testCase): \(failure)") }
}

for rule in broken { print(rule) }
print("\(EventBusConformance.cases.count + StoreConformance.cases.count) rules, \(broken.count) broken")
exit(broken.isEmpty ? 0 : 1)

extension Result where Failure == any Error {
    var failure: Failure? {
        guard case .failure(let error) = self else { return nil }
        return error
    }
}
