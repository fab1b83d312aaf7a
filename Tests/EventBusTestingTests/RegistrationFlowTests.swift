// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Payments
import Persistence
import Testing
import Users

@Suite("The main job, tested as a user of the library would")
struct RegistrationFlowTests {
    struct PlainHasher: PasswordHasher {
        func hash(_ password: String) async throws -> String { "plain" }
        func verify(_ password: String, against hash: String) async throws -> Bool { false }
    }

    // README
    @Test func aRegisteredUserHasAnAccount() throws {
        try Simulation.run { simulation in
            let users = Users(store: simulation.store("users"), hasher: PlainHasher())
            let payments = Payments(store: simulation.store("payments"))
            simulation.start("services") { process in
                let relay = OutboxRelay(from: process.store("users"), to: process.bus, clock: process.clock)
                let payments = Payments(store: process.store("payments"))
                return [relay, payments.consumer(on: process.bus, clock: process.clock)]
            }
            try await simulation.settle()
            let user = try await users.register(
                Registration(username: "ada", email: "ada@example.com", password: "correct horse"))
            try await simulation.settle()
            #expect(try await payments.account(of: user.id)?.currency == "EUR")
        }
    }
    // README
}
