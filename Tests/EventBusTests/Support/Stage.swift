// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import EventBusTesting
import ServiceLifecycleTestKit
import Synchronization
import Testing

/// Runs tasks one job at a time on the thread of the test, so that "nothing can run any more" is a fact and not a guess.
final class Stage: TaskExecutor {
    private struct State: Sendable {
        var jobs: Deque<UnownedJob> = []
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    let clock = VirtualClock()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let waiter = self.state.withLock { state in
            state.jobs.append(job)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Runs all jobs, and those that they make ready, until every task waits or has ended.
    func settle() {
        while let job = self.state.withLock({ $0.jobs.popFirst() }) {
            job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }

    /// Lets everything run until a task has ended, also when that takes a task outside the stage: the library behind graceful
    /// shutdown starts such tasks.
    func end<Value: Sendable>(_ performance: Performance<Value>) async {
        self.settle()
        while !performance.hasEnded {
            await self.settleNextJob()
        }
    }

    /// Waits for a job that comes from outside the stage and lets everything run.
    func settleNextJob() async {
        await withCheckedContinuation { continuation in
            let isReady = self.state.withLock { state in
                if state.jobs.isEmpty { state.waiter = continuation }
                return !state.jobs.isEmpty
            }
            if isReady { continuation.resume() }
        }
        self.settle()
    }

    /// Starts a task and lets everything run until nothing can.
    func start<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) -> Performance<Value> {
        let performance = Performance<Value>()
        performance.run(on: self, body)
        self.settle()
        return performance
    }

    /// Starts a task as if it were a service, with a way to ask for a graceful shutdown.
    func startUnderShutdown(
        _ body: @escaping @Sendable () async throws -> Void
    ) -> (Performance<Void>, trigger: @Sendable () -> Void) {
        let triggers = Log<GracefulShutdownTestTrigger>()
        let performance = self.start {
            try await testGracefulShutdown { trigger in
                triggers.append(trigger)
                try await body()
            }
        }
        return (performance, { triggers.entries.first?.triggerGracefulShutdown() })
    }

    /// Runs something that needs nobody else to end.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value,
        at location: SourceLocation = #_sourceLocation
    ) throws -> Value {
        let result = self.start(body).result
        return try #require(result, "it has not ended although nothing can run", sourceLocation: location).get()
    }

    /// Moves the time, and lets everything run before and after.
    func advance(by duration: Duration) {
        self.settle()
        self.clock.advance(by: duration)
        self.settle()
    }
}

/// A task on a ``Stage``.
final class Performance<Value: Sendable>: Sendable {
    private struct State: Sendable {
        var result: Result<Value, any Error>?
        var cancel: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// What came out, once it has ended.
    var result: Result<Value, any Error>? { self.state.withLock { $0.result } }

    var hasEnded: Bool { self.result != nil }

    /// The error that it threw.
    var error: (any Error)? {
        guard case .failure(let error) = self.result else { return nil }
        return error
    }

    fileprivate func run(on stage: Stage, _ body: @escaping @Sendable () async throws -> Value) {
        let task = Task(executorPreference: stage) {
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            self.state.withLock { $0.result = result }
        }
        self.state.withLock { $0.cancel = { task.cancel() } }
    }

    /// Cancels the task; the stage has to settle before anything comes of it.
    func cancel() {
        self.state.withLock { $0.cancel }?()
    }
}

/// What happened, in order.
final class Log<Entry: Sendable>: Sendable {
    private let state = Mutex<[Entry]>([])

    var entries: [Entry] { self.state.withLock { $0 } }

    func append(_ entry: Entry) {
        self.state.withLock { $0.append(entry) }
    }
}

/// A gate that tasks wait at until it is opened, or until they are cancelled.
struct Gate: Sendable {
    private let level = Level()

    func open() { self.level.raise() }

    func wait() async throws { _ = try await self.level.wait(above: 0) }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
