// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// A number that only rises, and tasks that wait for it to pass the value they have seen: no waiter can miss a rise.
package final class Level: Sendable {
    private struct State: Sendable {
        var value: UInt64 = 0
        /// In order of arrival, in which they are resumed: a dictionary's order differs from process to process.
        var waiters: [(id: UInt64, level: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
        var lastWaiter: UInt64 = 0
        var cancelled: Set<UInt64> = []
    }

    private let state = Mutex(State())

    package init() {}

    package var value: UInt64 { self.state.withLock { $0.value } }

    package func raise() {
        let waiters = self.state.withLock { state in
            state.value += 1
            let due = state.waiters.filter { $0.level < state.value }
            state.waiters.removeAll { $0.level < state.value }
            return due
        }
        for waiter in waiters { waiter.continuation.resume() }
    }

    /// Returns the value once it is above `level`; throws `CancellationError`.
    package func wait(above level: UInt64) async throws -> UInt64 {
        let id = self.state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = self.state.withLock { state in
                    guard state.cancelled.remove(id) == nil, state.value <= level else { return false }
                    state.waiters.append((id, level, continuation))
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            let waiter = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiters.remove(at: index).continuation
            }
            waiter?.resume()
        }
        self.state.withLock { _ = $0.cancelled.remove(id) }
        try Task.checkCancellation()
        return self.value
    }
}
