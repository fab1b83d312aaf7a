// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Logging
import ServiceLifecycle
import Testing

@testable import EventBusPostgres

@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(1)))
struct ShutdownTests {
    @Test func gracefulShutdownLetsOpenTransactionsFinishAndRejectsNewOnes() async throws {
        try await TestSchema.with { schema in
            let store = try schema.store()
            let person = Person("a@example.org")
            let services = ServiceGroup(services: [store], logger: Logger(label: "test"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                let people = store.repository(for: Person.self)
                try await eventually(within: .seconds(10), "the store to be ready") { store.health.isReady }
                try await store.transaction { transaction in
                    try people.insert(person, in: transaction)
                    _ = try await people.find(person.id, in: transaction)
                    await services.triggerGracefulShutdown()
                    try await eventually(within: .seconds(10), "the shutdown to begin") { !store.health.isReady }
                    let error = await #expect(throws: RepositoryError.self) { try await people.find(person.id) }
                    #expect(error?.code == .unavailable)
                }
                try await group.waitForAll()
            }
            let rows = try await Database.execute("SELECT email FROM \(schema.name).people")
            #expect(rows == [["a@example.org"]])
        }
    }
}
