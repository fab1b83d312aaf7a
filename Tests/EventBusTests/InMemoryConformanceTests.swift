// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("The in-process bus keeps the contract")
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
