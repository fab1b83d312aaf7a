// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Limits how many tasks run a piece of code at the same time; tasks enter in order of arrival and can be cancelled while waiting.
package final class AsyncSemaphore: Sendable {
    /// The maximum number of tasks is already waiting.
    package struct Full: Error {}

    private enum Answer: Sendable { case enter, cancelled, full, late }

    private let permits: Int
    private let maximumWaiting: Int
    /// The waiting tasks with the times until which they wait, and the number of tasks inside.
    private let list = WaitList<Int, Duration?, Answer>(0)

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
        try self.check(await self.enter(until: nil), limit: .zero)
        defer { self.leave() }
        return try await body()
    }

    /// Waits for a permit, for a limited time, and runs `body` with it, for any time.
    ///
    /// - Throws: what `body` throws; ``Full``; ``TimeLimitExceeded`` when no permit was free in time; `CancellationError` when the
    ///   task is cancelled while waiting.
    package func withPermit<Result>(
        waitingAtMost limit: Duration,
        on clock: RelativeClock,
        _ body: () async throws -> Result
    ) async throws -> Result {
        try self.check(await self.enter(within: limit, on: clock), limit: limit)
        defer { self.leave() }
        return try await body()
    }

    private func enter(within limit: Duration, on clock: RelativeClock) async -> Answer {
        if Task.isCancelled { return .cancelled }
        // Only those that have to wait need a timer.
        if self.enterAtOnce() { return .enter }
        let deadline = clock.now() + limit
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                guard (try? await clock.sleep(deadline)) != nil else { return }
                let now = clock.now()
                self.list.change { _, waiters in waiters.resumeAll(returning: .late) { $0.map { $0 <= now } ?? false } }
            }
            defer { group.cancelAll() }
            return await self.enter(until: deadline)
        }
    }

    /// Overtakes nobody: while a permit is free, no task waits.
    private func enterAtOnce() -> Bool {
        self.list.withLock { inside in
            guard inside < self.permits else { return false }
            inside += 1
            return true
        }
    }

    private func enter(until deadline: Duration?) async -> Answer {
        await self.list.wait(orWhenCancelled: .cancelled) { inside, waiting in
            if inside < self.permits {
                inside += 1
                return .answer(.enter)
            }
            return waiting < self.maximumWaiting ? .wait(deadline) : .answer(.full)
        }
    }

    private func check(_ answer: Answer, limit: Duration) throws {
        switch answer {
        case .enter: break
        case .full: throw Full()
        case .late: throw TimeLimitExceeded(limit: limit)
        case .cancelled: throw CancellationError()
        }
    }

    private func leave() {
        // The permit goes directly to the task that has waited longest, so that no other task overtakes it.
        self.list.change { inside, waiters in
            if waiters.first == nil { inside -= 1 } else { waiters.resumeFirst(returning: .enter) }
        }
    }
}
