// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import Synchronization

/// Runs tasks on an event loop, between its reads and writes; the loop is woken once, however many tasks become ready.
///
/// The loop has to outlive the tasks, since a loop that was shut down runs nothing.
final class EventLoopExecutor: TaskExecutor {
    private struct State: Sendable {
        var jobs: [UnownedJob] = []
        var isScheduled = false
    }

    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = self.state.withLock { state in
            state.jobs.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if isFirst { self.eventLoop.execute { self.run() } }
    }

    /// Runs what is ready now; what becomes ready meanwhile runs after the loop has served its sockets.
    private func run() {
        let jobs = self.state.withLock { state in
            state.isScheduled = false
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
