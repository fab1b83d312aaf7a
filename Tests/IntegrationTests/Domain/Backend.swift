// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Payments
import Persistence
import Users

/// What the domain tests run on.
enum Backend: Sendable, CaseIterable, CustomStringConvertible {
    case memory

    static var available: [Backend] { Backend.allCases }

    var description: String { "memory" }

    func withSystem(_ body: (System) async throws -> Void) async throws {
        switch self {
        case .memory:
            try await body(System(bus: InMemoryEventBus(), userStore: InMemoryStore(), paymentStore: InMemoryStore()))
        }
    }
}
