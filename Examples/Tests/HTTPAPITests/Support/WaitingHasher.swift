// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusUsers
import Synchronization

/// A hasher that takes until it is cancelled.
final class WaitingHasher: PasswordHasher {
    private struct State {
        var waiting = 0
        var cancelled = 0
    }

    private let state = Mutex(State())

    /// How many tasks are waiting.
    var waiting: Int { self.state.withLock { $0.waiting } }
    /// How many tasks were cancelled while they waited.
    var cancelled: Int { self.state.withLock { $0.cancelled } }

    func hash(_ password: String) async throws -> String {
        self.state.withLock { $0.waiting += 1 }
        defer { self.state.withLock { $0.waiting -= 1 } }
        do {
            try await Task.sleep(for: .seconds(3600))
        } catch {
            self.state.withLock { $0.cancelled += 1 }
            throw error
        }
        return ""
    }

    func verify(_ password: String, against hash: String) async throws -> Bool { false }
}
