// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import Synchronization

/// Runs tasks one job at a time on the thread of the test, so that "nothing can run any more" is a fact and not a guess.
package final class Stage: TaskExecutor {
    private struct State: Sendable {
        var jobs: Deque<UnownedJob> = []
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// The time on the stage; it moves only by ``advance(by:)``.
    package let clock = VirtualClock()

    /// A stage is a process of its own.
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

    /// Runs all jobs, and those that they make ready, until every task waits or has ended.
    package func settle() {
        while let job = self.state.withLock({ $0.jobs.popFirst() }) {
            job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }

    /// Moves the time, and lets everything run before and after.
    package func advance(by duration: Duration) {
        self.settle()
        self.clock.advance(by: duration)
        self.settle()
    }

    /// Starts a task and lets everything run until nothing can.
    package func start<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) -> Performance<Value> {
        let performance = Performance<Value>()
        performance.run(on: self, body)
        self.settle()
        return performance
    }

    /// Runs something that needs nobody else to end.
    ///
    /// - Throws: what `body` throws; ``StillWaiting`` when nothing can run and yet it has not ended.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        guard let result = self.start(body).result else { throw StillWaiting() }
        return try result.get()
    }

    /// Lets everything run until a task has ended, also when that takes a task outside the stage: the library behind graceful
    /// shutdown starts such tasks.
    package func end<Value: Sendable>(_ performance: Performance<Value>) async {
        self.settle()
        while !performance.hasEnded {
            await self.untilNextJob()
            self.settle()
        }
    }

    /// Waits for a job that comes from outside the stage.
    package func untilNextJob() async {
        await withCheckedContinuation { continuation in
            let isReady = self.state.withLock { state in
                if state.jobs.isEmpty { state.waiter = continuation }
                return !state.jobs.isEmpty
            }
            if isReady { continuation.resume() }
        }
    }

    /// Something waits for what nobody on the stage will do.
    package struct StillWaiting: Error {}
}

/// A task on a ``Stage``.
package final class Performance<Value: Sendable>: Sendable {
    private struct State: Sendable {
        var result: Result<Value, any Error>?
        var cancel: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// What came out, once it has ended.
    package var result: Result<Value, any Error>? { self.state.withLock { $0.result } }

    package var hasEnded: Bool { self.result != nil }

    /// The error that it threw.
    package var error: (any Error)? {
        guard case .failure(let error) = self.result else { return nil }
        return error
    }

    fileprivate func run(on stage: Stage, _ body: @escaping @Sendable () async throws -> Value) {
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

    /// Cancels the task; the stage has to settle before anything comes of it.
    package func cancel() {
        self.state.withLock { $0.cancel }?()
    }
}
