// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Hands jobs to a fixed set of workers: a waiting worker gets its job from the task that makes it available.
final class Backlog: Sendable {
    typealias Job = BacklogState.Job

    /// The waiting workers, each with the number of jobs that it wants at most.
    private let list: WaitList<BacklogState, Int, [Job]?>
    private let ordering: Ordering

    /// Raised when a key has been put to sleep or the backlog is finished.
    let alarm = Signal()

    init(ordering: Ordering) {
        self.ordering = ordering
        self.list = WaitList(BacklogState(ordering: ordering))
    }

    var state: BacklogState { self.list.withLock { $0 } }

    /// Adds deliveries; returns those that are not wanted any more.
    @discardableResult
    func add(_ deliveries: [Delivery]) -> [Delivery.ID] {
        self.change { $0.add(deliveries) }
    }

    /// Ends the backlog: nothing more is started.
    ///
    /// - Returns: what was not started.
    @discardableResult
    func finish() -> [Delivery.ID] {
        defer { self.alarm.raise() }
        return self.change { $0.finish() }
    }

    func complete(_ job: Job) {
        // Without ordering nothing waits for it.
        guard self.ordering == .perKey else { return }
        self.change { $0.complete(job) }
    }

    /// Keeps a job that has failed for another attempt; returns its delivery if it is not wanted any more.
    func hold(_ job: Job, until due: Duration) -> [Delivery.ID] {
        defer { self.alarm.raise() }
        return self.change { $0.hold(job, until: due) }
    }

    func wake(now: Duration) {
        self.change { $0.wake(now: now) }
    }

    /// Waits for jobs; `nil` when the backlog is finished or the task is cancelled.
    ///
    /// - Parameter rest: called before the task waits.
    func take(limit: Int, rest: () -> Void) async -> [Job]? {
        if Task.isCancelled { return nil }
        let (jobs, isFinished) = self.list.withLock { ($0.take(limit: limit), $0.isFinished) }
        if !jobs.isEmpty { return jobs }
        if isFinished { return nil }
        rest()
        return await self.list.wait(orWhenCancelled: nil) { state, _ in
            let jobs = state.take(limit: limit)
            if !jobs.isEmpty { return .answer(jobs) }
            return state.isFinished ? .answer(nil) : .wait(limit)
        }
    }

    private func change<Result>(_ body: (inout BacklogState) -> Result) -> Result {
        self.list.change { state, waiters in
            let result = body(&state)
            while let limit = waiters.first {
                let jobs = state.take(limit: limit)
                if jobs.isEmpty, !state.isFinished { break }
                waiters.resumeFirst(returning: jobs.isEmpty ? nil : jobs)
            }
            return result
        }
    }
}
