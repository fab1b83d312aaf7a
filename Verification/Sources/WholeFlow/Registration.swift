// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPayments
import EventBusPersistence
import EventBusTesting
import EventBusUsers

extension WholeFlow {
    /// Registers a user in a simulation of its own and settles, as an application's test would.
    ///
    /// - Returns: whether the user then has an account.
    public static func registersOneUser(seed: UInt64) throws -> Bool {
        try Simulation.run(seed: seed) { simulation in
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
            return try await Payments(store: simulation.store("app")).account(of: user.id) != nil
        }
    }
}
