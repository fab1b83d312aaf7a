// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// What others keep for a process and can end without it, such as its connections to a server.
final class Sessions: Sendable {
    private struct State: Sendable {
        var ends: [Int: @Sendable () -> Void] = [:]
        var last = 0
    }

    private let state = Mutex(State())

    /// Registers how to end a session; pass the result to ``close(_:)``.
    func open(_ end: @escaping @Sendable () -> Void) -> Int {
        self.state.withLock { state in
            state.last += 1
            state.ends[state.last] = end
            return state.last
        }
    }

    /// Returns whether the session was still open.
    @discardableResult
    func close(_ id: Int) -> Bool {
        self.state.withLock { $0.ends.removeValue(forKey: id) != nil }
    }

    func isOpen(_ id: Int) -> Bool { self.state.withLock { $0.ends[id] != nil } }

    /// Ends all sessions, oldest first; returns whether there were any.
    @discardableResult
    func endAll() -> Bool {
        let ends = self.state.withLock { state in
            defer { state.ends = [:] }
            return state.ends.sorted { $0.key < $1.key }.map(\.value)
        }
        for end in ends { end() }
        return !ends.isEmpty
    }
}
