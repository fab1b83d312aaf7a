// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// What an `IOHandler` waits for.
struct IOInterest: Sendable {
    var descriptor: Int32 = -1
    var wantsRead = false
    var wantsWrite = false
    /// Serve the handler at once even if the descriptor is not ready: libpq may have read input while it was sending.
    var isDue = false
    var deadline: ContinuousClock.Instant?
}

/// Something that the I/O thread serves: a connection, or the pool with its timers.
///
/// All calls come from that thread.
protocol IOHandler: AnyObject, Sendable {
    func interest() -> IOInterest
    /// - Parameter hasMoved: bytes have arrived, or there is room again for bytes to leave.
    func serve(now: ContinuousClock.Instant, hasMoved: Bool)
    /// Called after all handlers have been served and tasks have run on the thread, before it may fall asleep.
    func endTurn()
    /// The thread has ended and will not serve the handler any more.
    func abandon()
}

/// The thread that waits for all connections of a store.
///
/// As there are about ten connections, it uses `poll(2)`. Callers send from their own threads; this thread reads and
/// decodes the answers and resumes the callers. It also runs the tasks that prefer it as their executor: they are
/// resumed without waking another thread, and their reads are sent together.
final class IOThread: TaskExecutor {
    private struct State: Sendable {
        var handlers: [any IOHandler] = []
        var jobs: [UnownedJob] = []
        var isStopping = false
        var isRunning = false
        var stopped: [CheckedContinuation<Void, Never>] = []
    }

    /// The thread notices a deadline that was set without waking it within this time.
    private static let longestWait: Duration = .seconds(1)

    private let state = Mutex(State())
    private let pipe: SelfPipe
    private let isWakePending = Atomic(false)
    /// Identifies the thread that runs the loop; 0 if none does.
    private let current = Atomic<UInt>(0)

    init() throws(PostgresError) {
        self.pipe = try SelfPipe()
    }

    func start() throws(PostgresError) {
        self.state.withLock { $0.isRunning = true }
        do {
            try DetachedThread.start { self.loop() }
        } catch {
            self.state.withLock { $0.isRunning = false }
            throw error
        }
    }

    /// Returns when the thread has left its loop and serves no handlers any more.
    func stop() async {
        await withCheckedContinuation { continuation in
            let isRunning = self.state.withLock { state in
                state.isStopping = true
                if state.isRunning { state.stopped.append(continuation) }
                return state.isRunning
            }
            if isRunning { self.wake() } else { continuation.resume() }
        }
    }

    func add(_ handler: any IOHandler) {
        let isStopped = self.state.withLock { state in
            if !state.isStopping { state.handlers.append(handler) }
            return state.isStopping
        }
        if isStopped { handler.abandon() } else { self.wake() }
    }

    func remove(_ handler: any IOHandler) {
        self.state.withLock { state in state.handlers.removeAll { $0 === handler } }
    }

    /// Wakes the thread, which then asks all handlers again what they wait for.
    func wake() {
        guard !self.isWakePending.exchange(true, ordering: .sequentiallyConsistent) else { return }
        self.pipe.wake()
    }

    /// Whether the caller is this thread.
    var isCurrent: Bool { self.current.load(ordering: .relaxed) == DetachedThread.current }

    /// Before and after the thread runs, tasks run on the global executor.
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isRunning = self.state.withLock { state in
            if state.isRunning { state.jobs.append(job) }
            return state.isRunning
        }
        guard isRunning else { return globalConcurrentExecutor.enqueue(job) }
        if !self.isCurrent { self.wake() }
    }

    /// Runs the jobs that are ready now.
    ///
    /// Jobs that become ready meanwhile have to wait until the sockets have been served.
    private func runJobs() {
        let jobs = self.state.withLock { state in
            defer { state.jobs.removeAll() }
            return state.jobs
        }
        for job in jobs { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    private func loop() {
        self.current.store(DetachedThread.current, ordering: .relaxed)
        let clock = ContinuousClock()
        var descriptors: [pollfd] = []
        while true {
            let (handlers, isStopping, hasJobs) = self.state.withLock { state in
                (state.handlers, state.isStopping, !state.jobs.isEmpty)
            }
            if isStopping { break }
            let interests = handlers.map { $0.interest() }
            descriptors.removeAll(keepingCapacity: true)
            descriptors.append(pollfd(fd: self.pipe.reader, events: Int16(POLLIN), revents: 0))
            for interest in interests {
                let events = (interest.wantsRead ? POLLIN : 0) | (interest.wantsWrite ? POLLOUT : 0)
                descriptors.append(pollfd(fd: interest.descriptor, events: Int16(events), revents: 0))
            }
            let timeout = hasJobs ? 0 : Self.milliseconds(until: interests, now: clock.now)
            _ = poll(&descriptors, nfds_t(descriptors.count), timeout)
            if descriptors[0].revents != 0 {
                self.pipe.drain()
                // Only after the pipe has been drained: otherwise a wake-up that is drained here would count as
                // pending.
                self.isWakePending.store(false, ordering: .sequentiallyConsistent)
            }
            let now = clock.now
            for (index, handler) in handlers.enumerated() {
                let interest = interests[index]
                let isLate = interest.deadline.map { $0 <= now } ?? false
                let events = descriptors[index + 1].revents
                guard interest.isDue || isLate || events != 0 else { continue }
                handler.serve(now: now, hasMoved: events & Int16(POLLIN | POLLOUT) != 0)
            }
            self.runJobs()
            for handler in handlers { handler.endTurn() }
        }
        self.current.store(0, ordering: .relaxed)
        for handler in self.state.withLock({ $0.handlers }) { handler.abandon() }
        let (stopped, jobs) = self.state.withLock { state in
            state.isRunning = false
            state.handlers = []
            defer { state.jobs = [] }
            return (state.stopped, state.jobs)
        }
        for job in jobs { globalConcurrentExecutor.enqueue(job) }
        for continuation in stopped { continuation.resume() }
    }

    private static func milliseconds(until interests: [IOInterest], now: ContinuousClock.Instant) -> Int32 {
        var wait = Self.longestWait
        for interest in interests {
            if interest.isDue { return 0 }
            if let deadline = interest.deadline { wait = min(wait, now.duration(to: deadline)) }
        }
        guard wait > .zero else { return 0 }
        let (seconds, attoseconds) = wait.components
        // Rounded up, so that the deadline has passed when `poll` returns.
        return Int32(seconds) * 1000 + Int32(attoseconds / 1_000_000_000_000_000) + 1
    }
}
