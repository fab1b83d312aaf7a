// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// A time limit for the pieces of work that a worker does one after the other.
///
/// A task and a timer for each piece would cost more than most pieces do. Here the worker runs as one child task that a
/// supervisor watches: a piece that takes too long has the child cancelled, and the supervisor goes on with a new one.
package final class WorkLimit: Sendable {
    private struct State: Sendable {
        /// When the piece that runs has to be done.
        var deadline: Duration?
        /// Until when the supervisor sleeps; it may be the deadline of an earlier piece.
        var watchedUntil: Duration?
        var hasPassed = false
        var isOver = false
    }

    private let limit: Duration
    private let clock: RelativeClock
    private let state = Mutex(State())
    private let signal = Signal()

    package init(_ limit: Duration, on clock: RelativeClock) {
        self.limit = limit
        self.clock = clock
    }

    /// Whether a piece has taken too long, so that the task is cancelled and no other piece can run in it.
    package var hasPassed: Bool { self.state.withLock { $0.hasPassed } }

    /// Runs a worker, which does its pieces with ``run(_:)``, and cancels it when one takes too long.
    package func supervise<Result: Sendable>(
        _ worker: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        self.state.withLock { $0 = State() }
        return try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask {
                defer { self.end() }
                return try await worker()
            }
            await self.watch()
            if self.hasPassed { group.cancelAll() }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }

    /// Does one piece of work.
    ///
    /// What it returns counts also when it comes too late: it may have committed something.
    ///
    /// - Throws: ``TimeLimitExceeded`` instead of what a piece throws that has taken too long.
    package func run<Result>(_ piece: () async throws -> Result) async throws -> Result {
        self.begin()
        defer { self.state.withLock { $0.deadline = nil } }
        do {
            return try await piece()
        } catch {
            throw self.hasPassed ? TimeLimitExceeded(limit: self.limit) : error
        }
    }

    /// The worker has nothing to do: nobody has to watch it.
    package func rest() {
        if self.state.withLock({ $0.watchedUntil != nil }) { self.signal.raise() }
    }

    private func begin() {
        let deadline = self.clock.now() + self.limit
        let isWatched = self.state.withLock { state in
            state.deadline = deadline
            return state.watchedUntil != nil
        }
        // One that sleeps until an earlier deadline looks again then.
        if !isWatched { self.signal.raise() }
    }

    private func end() {
        self.state.withLock { $0.isOver = true }
        self.signal.raise()
    }

    /// Returns when the worker has ended, a piece has taken too long, or the task is cancelled.
    private func watch() async {
        while !Task.isCancelled {
            let now = self.clock.now()
            let isOver = self.state.withLock { state in
                if let deadline = state.deadline, deadline <= now { state.hasPassed = true }
                state.watchedUntil = state.deadline
                return state.isOver || state.hasPassed
            }
            if isOver { return }
            await self.signal.wait(until: self.state.withLock { $0.watchedUntil }, on: self.clock)
        }
    }
}
