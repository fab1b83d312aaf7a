// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("Random programs on two buses")
struct DifferentialTests {
    private struct Harness: DifferentialHarness {
        let bus: any EventBus
        let stage: Stage
        let subscriptions: [SubscriptionName] = ["first", "second", "ordered"]

        var clock: any Clock<Duration> { self.stage.clock }

        func pass(_ duration: Duration) async throws { self.stage.clock.advance(by: duration) }
    }

    @Test("the in-process bus does what it does")
    func same() throws {
        for seed in 1...300 as ClosedRange<UInt64> {
            let stage = Stage()
            let bus = InMemoryEventBus(clock: stage.clock)
            try Differential.Program(seed: seed).run(on: Harness(bus: bus, stage: stage), stage: stage)
        }
    }
}
