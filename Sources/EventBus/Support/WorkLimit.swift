// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// A time limit for each of the pieces of work that a worker does one after the other.
///
/// Starting a task and a timer for each piece would cost more than most pieces. Instead, the worker runs as one child task under
/// a supervisor, which cancels the child when a piece takes too long; the caller can then start a new worker.
package final class WorkLimit: Sendable {
    private struct State: Sendable {
        /// When the current piece has to be done.
        var deadline: Duration?
        /// What the current piece is about.
        var messages: [Message] = []
        /// When the supervisor wakes up, which can be the deadline of an earlier piece.
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

    /// Whether a piece has taken too long, so that the task is cancelled and cannot run further pieces.
    package var hasPassed: Bool { self.state.withLock { $0.hasPassed } }

    /// Runs a worker that calls ``run(_:)`` for each piece of work, and cancels it when a piece takes too long.
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

    /// Throws ``TimeLimitExceeded`` if a piece has taken too long.
    package func check() throws {
        if self.hasPassed { throw TimeLimitExceeded(limit: self.limit) }
    }

    /// A piece of work that is still running although its time is over.
    package struct Overdue: Sendable {
        package let messages: [Message]
        /// For how long it has been over.
        package let by: Duration
    }

    /// The piece that is still running although its time is over.
    package var overdue: Overdue? {
        let now = self.clock.now()
        return self.state.withLock { state in
            guard let deadline = state.deadline, deadline < now else { return nil }
            return Overdue(messages: state.messages, by: now - deadline)
        }
    }

    /// Does one piece of work.
    ///
    /// A result that comes too late is still returned, because the piece may have committed something.
    ///
    /// - Parameters:
    ///   - messages: what the piece is about, for ``overdue``.
    ///   - piece: the work.
    /// - Throws: what the piece throws; ``TimeLimitExceeded`` if it has taken too long.
    package func run<Result>(
        about messages: [Message] = [],
        _ piece: () async throws -> Result
    ) async throws -> Result {
        self.begin(messages)
        defer {
            self.state.withLock { state in
                state.deadline = nil
                state.messages = []
            }
        }
        do {
            return try await piece()
        } catch {
            throw self.hasPassed ? TimeLimitExceeded(limit: self.limit) : error
        }
    }

    /// Lets the supervisor sleep without a deadline while the worker has nothing to do.
    package func rest() {
        if self.state.withLock({ $0.watchedUntil != nil }) { self.signal.raise() }
    }

    private func begin(_ messages: [Message]) {
        let deadline = self.clock.now() + self.limit
        let isWatched = self.state.withLock { state in
            state.deadline = deadline
            state.messages = messages
            return state.watchedUntil != nil
        }
        // A supervisor that sleeps until an earlier deadline sees this one when it wakes up.
        if !isWatched { self.signal.raise() }
    }

    private func end() {
        self.state.withLock { $0.isOver = true }
        self.signal.raise()
    }

    /// Waits until the worker has ended, a piece has taken too long or the task is cancelled.
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
