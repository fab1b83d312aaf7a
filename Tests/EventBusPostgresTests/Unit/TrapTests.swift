// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import EventBusPostgres
import Testing

@Suite struct TrapTests {
    @Test func aSecondRunOfAStoreTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let configuration = try PostgresConfiguration(url: "postgres://nobody@127.0.0.1:1/none")
            let store = try PostgresStore(configuration, schema: "twice")
            async let first: Void = store.run()
            async let second: Void = store.run()
            _ = try await (first, second)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("this Postgres store runs already or has run; create another one"))
    }

    @Test func aMigrationWithoutAStatementTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Migration(3, "nothing", outsideTransaction: [])
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("migration 3 (nothing) has no statement"))
    }
}
