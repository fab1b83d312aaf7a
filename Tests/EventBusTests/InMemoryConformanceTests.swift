// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("The in-process bus keeps the contract")
struct InMemoryConformanceTests {
    private struct Harness: EventBusHarness {
        let virtualClock = VirtualClock()
        let memory: InMemoryEventBus

        init() {
            self.memory = InMemoryEventBus(clock: self.virtualClock)
        }

        var bus: any EventBus { self.memory }
        var clock: any Clock<Duration> { self.virtualClock }

        func pass(_ duration: Duration) async throws {
            self.virtualClock.advance(by: duration)
        }

        func deadLetters(of subscription: SubscriptionName, atLeast count: Int) async throws -> [DeadLetter] {
            try await self.memory.deadLetters(of: subscription)
        }
    }

    @Test(arguments: EventBusConformance.cases)
    func conforms(_ testCase: EventBusConformance.Case) async throws {
        try await testCase.run(on: Harness())
    }
}
