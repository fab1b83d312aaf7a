// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import EventBusTesting
import Testing

@Suite(
    .serialized,
    .enabled(if: Database.url != nil, "needs servers: run scripts/test --integration"),
    .timeLimit(.minutes(5))
)
struct PostgresConformanceTests {
    private struct Harness: StoreHarness {
        let store: any Store
        let otherStore: any Store
    }

    @Test(arguments: StoreConformance.cases)
    func conforms(_ testCase: StoreConformance.Case) async throws {
        try await TestSchema.with { schema in
            try await TestSchema.with { otherSchema in
                try await schema.withStore(migrations: StoreConformance.migrations) { store in
                    try await otherSchema.withStore(migrations: StoreConformance.migrations) { otherStore in
                        try await testCase.run(on: Harness(store: store, otherStore: otherStore))
                    }
                }
            }
        }
    }
}
