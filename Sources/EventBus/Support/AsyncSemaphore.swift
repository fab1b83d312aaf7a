// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Limits how many tasks run a piece of code at the same time; tasks enter in order of arrival and can be cancelled while waiting.
package final class AsyncSemaphore: Sendable {
    /// The maximum number of tasks is already waiting.
    package struct Full: Error {}

    private enum Answer: Sendable { case enter, cancelled, full }

    private let permits: Int
    private let maximumWaiting: Int
    /// The waiting tasks, and the number of tasks inside.
    private let list = WaitList<Int, Void, Answer>(0)

    package init(permits: Int = 1, maximumWaiting: Int = .max) {
        self.permits = permits
        self.maximumWaiting = maximumWaiting
    }

    /// Whether all permits are taken.
    package var isTaken: Bool { self.list.withLock { $0 >= self.permits } }

    /// Waits for a permit and runs `body` with it.
    ///
    /// - Throws: what `body` throws; ``Full``; `CancellationError` when the task is cancelled while waiting.
    package func withPermit<Result>(_ body: () async throws -> Result) async throws -> Result {
        let answer = await self.list.wait(orWhenCancelled: .cancelled) { inside, waiting in
            if inside < self.permits {
                inside += 1
                return .answer(.enter)
            }
            return waiting < self.maximumWaiting ? .wait(()) : .answer(.full)
        }
        switch answer {
        case .full: throw Full()
        case .cancelled: throw CancellationError()
        case .enter: break
        }
        defer { self.leave() }
        return try await body()
    }

    private func leave() {
        // The permit goes directly to the task that has waited longest, so that no other task overtakes it.
        self.list.change { inside, waiters in
            if waiters.first == nil { inside -= 1 } else { waiters.resumeFirst(returning: .enter) }
        }
    }
}
