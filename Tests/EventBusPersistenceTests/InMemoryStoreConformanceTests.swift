// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import EventBusTesting
import Testing

@Suite struct InMemoryStoreConformanceTests {
    private struct Harness: StoreHarness {
        let store: any Store = InMemoryStore()
        let otherStore: any Store = InMemoryStore()
    }

    @Test(arguments: StoreConformance.cases)
    func conforms(_ testCase: StoreConformance.Case) async throws {
        try await testCase.run(on: Harness())
    }
}
