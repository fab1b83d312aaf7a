// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import Synchronization

/// Runs tasks one job at a time on the thread of the test, so that a test knows when nothing can run any more.
package final class ManualExecutor: TaskExecutor {
    private struct State: Sendable {
        var jobs: Deque<UnownedJob> = []
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// The stage's time; only ``advance(by:)`` moves it.
    package let clock = VirtualClock()

    /// Each stage counts as a process of its own.
    fileprivate let quarantine = AsyncSemaphore()

    package init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let waiter = self.state.withLock { state in
            state.jobs.append(job)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Runs jobs until every task is waiting or has ended.
    package func settle() {
        while let job = self.state.withLock({ $0.jobs.popFirst() }) {
            job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }

    /// Advances the time; everything that can run does so before and after.
    package func advance(by duration: Duration) {
        self.settle()
        self.clock.advance(by: duration)
        self.settle()
    }

    /// Starts a task and runs jobs until nothing can run.
    package func start<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) -> ManualTask<Value> {
        let performance = ManualTask<Value>()
        performance.run(on: self, body)
        self.settle()
        return performance
    }

    /// Runs `body` to its end.
    ///
    /// - Throws: what `body` throws; ``StillWaiting`` when nothing can run and it has not ended.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        guard let result = self.start(body).result else { throw StillWaiting() }
        return try result.get()
    }

    /// Runs jobs until a task has ended, even if it depends on a task outside the stage: the library behind graceful shutdown
    /// starts such tasks.
    package func end<Value: Sendable>(_ performance: ManualTask<Value>) async {
        self.settle()
        while !performance.hasEnded {
            await self.untilNextJob()
            self.settle()
        }
    }

    /// Waits until a task outside the stage adds a job.
    package func untilNextJob() async {
        await withCheckedContinuation { continuation in
            let isReady = self.state.withLock { state in
                if state.jobs.isEmpty { state.waiter = continuation }
                return !state.jobs.isEmpty
            }
            if isReady { continuation.resume() }
        }
    }

    /// A task is waiting for something that nothing on the stage will do.
    package struct StillWaiting: Error {}
}

/// A task on a ``ManualExecutor``.
package final class ManualTask<Value: Sendable>: Sendable {
    private struct State: Sendable {
        var result: Result<Value, any Error>?
        var cancel: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// The outcome, once the task has ended.
    package var result: Result<Value, any Error>? { self.state.withLock { $0.result } }

    package var hasEnded: Bool { self.result != nil }

    /// The error that the task threw.
    package var error: (any Error)? {
        guard case .failure(let error) = self.result else { return nil }
        return error
    }

    fileprivate func run(on stage: ManualExecutor, _ body: @escaping @Sendable () async throws -> Value) {
        let task = Task(executorPreference: stage) {
            let result: Result<Value, any Error>
            do {
                result = .success(try await Quarantine.$semaphore.withValue(stage.quarantine) { try await body() })
            } catch {
                result = .failure(error)
            }
            self.state.withLock { $0.result = result }
        }
        self.state.withLock { $0.cancel = { task.cancel() } }
    }

    /// Cancels the task; it reacts when the stage settles next.
    package func cancel() {
        self.state.withLock { $0.cancel }?()
    }
}
