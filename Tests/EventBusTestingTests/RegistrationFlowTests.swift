// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusPersistence
import EventBusTesting
import EventBusUsers
import Testing

@Suite("The main job, tested as a user of the library would")
struct RegistrationFlowTests {
    struct PlainHasher: PasswordHasher {
        func hash(_ password: String) async throws -> String { "plain" }
        func verify(_ password: String, against hash: String) async throws -> Bool { false }
    }

    // README
    @Test func aRegisteredUserHasAnAccount() throws {
        try Simulation.run { simulation in
            simulation.start("app") { process in
                let store = process.store("app")
                let payments = Payments(store: store).consumer(on: process.bus, clock: process.clock)
                return [payments, OutboxRelay(from: store, to: process.bus, clock: process.clock)]
            }
            try await simulation.settle()
            let users = Users(store: simulation.store("app"), hasher: PlainHasher())
            let ada = Registration(username: "ada", email: "ada@example.com", password: "correct horse")
            let user = try await users.register(ada)
            try await simulation.settle()
            #expect(try await Payments(store: simulation.store("app")).account(of: user.id) != nil)
        }
    }
    // README
}
