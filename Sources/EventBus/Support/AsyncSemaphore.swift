// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Lets a limited number of tasks in at a time, in order of arrival; a waiting task can be cancelled.
package final class AsyncSemaphore: Sendable {
    /// As many tasks as may wait are waiting.
    package struct Full: Error {}

    private enum Answer: Sendable { case enter, cancelled, full }

    private let permits: Int
    private let maximumWaiting: Int
    /// The number of tasks inside.
    private let list = WaitList<Int, Void, Answer>(0)

    package init(permits: Int = 1, maximumWaiting: Int = .max) {
        self.permits = permits
        self.maximumWaiting = maximumWaiting
    }

    /// Whether no permit is left.
    package var isTaken: Bool { self.list.withLock { $0 >= self.permits } }

    /// Runs `body` with a permit; waits for one first.
    ///
    /// - Throws: what `body` throws; ``Full``; `CancellationError` when cancelled while waiting.
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
        // The permit goes to the task that has waited longest, so that nobody overtakes it.
        self.list.change { inside, waiters in
            if waiters.first == nil { inside -= 1 } else { waiters.resumeFirst(returning: .enter) }
        }
    }
}
