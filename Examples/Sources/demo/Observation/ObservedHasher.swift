// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusUsers

/// A hasher that reports when it is asked and when it has answered.
struct ObservedHasher: PasswordHasher {
    let base: any PasswordHasher
    let teller: Storyteller

    func hash(_ password: String) async throws -> String {
        // The module asks only after it has checked what was typed.
        self.teller.report(.validated)
        let hash = try await self.base.hash(password)
        // Algorithm and parameters; salt and hash stay secret.
        let parameters = hash.split(separator: "$").prefix(2).joined(separator: ", ")
        self.teller.report(.hashed(parameters: parameters))
        return hash
    }

    func verify(_ password: String, against hash: String) async throws -> Bool {
        try await self.base.verify(password, against: hash)
    }

    func isWeaker(_ hash: String) -> Bool { self.base.isWeaker(hash) }
}
