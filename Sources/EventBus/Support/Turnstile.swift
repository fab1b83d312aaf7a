// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import Synchronization

/// Lets one task at a time through, in order of arrival; a waiting task can be cancelled.
package final class Turnstile: Sendable {
    private struct State: Sendable {
        var isTaken = false
        var waiters: Deque<(id: UInt64, continuation: CheckedContinuation<Bool, Never>)> = []
        var lastWaiter: UInt64 = 0
        var cancelled: Set<UInt64> = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Runs `body` while no other task does; throws `CancellationError` when cancelled while waiting.
    package func withTurn(_ body: () async throws -> Void) async throws {
        try await self.enter()
        defer { self.leave() }
        try await body()
    }

    private func enter() async throws {
        let id = self.state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        let hasTurn = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = self.state.withLock { state in
                    if state.cancelled.remove(id) != nil { return false }
                    if !state.isTaken {
                        state.isTaken = true
                        return true
                    }
                    state.waiters.append((id, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let continuation = self.state.withLock { state -> CheckedContinuation<Bool, Never>? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiters.remove(at: index).continuation
            }
            continuation?.resume(returning: false)
        }
        self.state.withLock { _ = $0.cancelled.remove(id) }
        guard hasTurn else { throw CancellationError() }
    }

    private func leave() {
        let next = self.state.withLock { state in
            let next = state.waiters.popFirst()
            state.isTaken = next != nil
            return next
        }
        next?.continuation.resume(returning: true)
    }
}
