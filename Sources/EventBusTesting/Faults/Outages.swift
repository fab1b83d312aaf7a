// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// What is unreachable for a while, and the connections that a restart of the bus cuts.
final class Outages: Sendable {
    private struct State: Sendable {
        var busIsBackAt = Duration.zero
        var storesAreBackAt: [String: Duration] = [:]
        var connections: [UInt64: @Sendable () -> Void] = [:]
        var lastConnection: UInt64 = 0
    }

    private let clock: VirtualClock
    private let state = Mutex(State())

    init(clock: VirtualClock) {
        self.clock = clock
    }

    var busIsAway: Bool { self.state.withLock { $0.busIsBackAt > self.clock.now.offset } }

    func storeIsAway(_ name: String) -> Bool {
        self.state.withLock { $0.storesAreBackAt[name].map { $0 > self.clock.now.offset } ?? false }
    }

    func restartBus(for duration: Duration) {
        let cuts = self.state.withLock { state in
            state.busIsBackAt = max(state.busIsBackAt, self.clock.now.offset + duration)
            defer { state.connections = [:] }
            return state.connections.sorted { $0.key < $1.key }.map(\.value)
        }
        for cut in cuts { cut() }
    }

    func takeStoreAway(_ name: String, for duration: Duration) {
        self.state.withLock { $0.storesAreBackAt[name] = self.clock.now.offset + duration }
    }

    /// Registers a connection to the bus; pass the result to ``disconnected(_:)``.
    func connected(_ cut: @escaping @Sendable () -> Void) -> UInt64 {
        self.state.withLock { state in
            state.lastConnection += 1
            state.connections[state.lastConnection] = cut
            return state.lastConnection
        }
    }

    func disconnected(_ id: UInt64) {
        self.state.withLock { _ = $0.connections.removeValue(forKey: id) }
    }
}
