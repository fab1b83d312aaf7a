// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import Synchronization

/// Lets a limited number of tasks through at a time, in order of arrival; a waiting task can be cancelled.
package final class Turnstile: Sendable {
    /// So many tasks wait that no other may.
    package struct Full: Error {}

    private enum Answer: Sendable { case enter, cancelled, full }

    private struct State: Sendable {
        var inside = 0
        var waiters: Deque<(id: UInt64, continuation: CheckedContinuation<Answer, Never>)> = []
        var lastWaiter: UInt64 = 0
        var cancelled: Set<UInt64> = []
    }

    private let width: Int
    private let maximumWaiting: Int
    private let state = Mutex(State())

    package init(width: Int = 1, maximumWaiting: Int = .max) {
        self.width = width
        self.maximumWaiting = maximumWaiting
    }

    /// Whether as many tasks as may are inside.
    package var isTaken: Bool { self.state.withLock { $0.inside >= self.width } }

    /// Runs `body` while it is this task's turn.
    ///
    /// - Throws: what `body` throws; ``Full``; `CancellationError` when cancelled while waiting.
    package func withTurn<Result>(_ body: () async throws -> Result) async throws -> Result {
        switch await self.enter() {
        case .full: throw Full()
        case .cancelled: throw CancellationError()
        case .enter: break
        }
        defer { self.leave() }
        return try await body()
    }

    private func enter() async -> Answer {
        let id = self.state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Answer? = self.state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .cancelled }
                    if state.inside < self.width {
                        state.inside += 1
                        return .enter
                    }
                    guard state.waiters.count < self.maximumWaiting else { return .full }
                    state.waiters.append((id, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let continuation = self.state.withLock { state -> CheckedContinuation<Answer, Never>? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiters.remove(at: index).continuation
            }
            continuation?.resume(returning: .cancelled)
        }
        self.state.withLock { _ = $0.cancelled.remove(id) }
        return answer
    }

    private func leave() {
        // Who waits takes the place of who leaves, so that nobody overtakes.
        let next = self.state.withLock { state in
            let next = state.waiters.popFirst()
            if next == nil { state.inside -= 1 }
            return next
        }
        next?.continuation.resume(returning: .enter)
    }
}
