// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import EventBusTesting
import Testing

@Suite struct InMemoryStoreConformanceTests {
    private struct Harness: StoreHarness {
        private let clock: VirtualClock
        let store: any Store
        let otherStore: any Store

        init() {
            self.clock = VirtualClock()
            self.store = InMemoryStore(clock: self.clock)
            self.otherStore = InMemoryStore(clock: self.clock)
        }

        func pass(_ duration: Duration) async throws { self.clock.advance(by: duration) }
    }

    @Test(arguments: StoreConformance.cases)
    func conforms(_ testCase: StoreConformance.Case) async throws {
        try await testCase.run(on: Harness())
    }
}
