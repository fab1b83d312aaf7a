// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import Synchronization

/// Hands jobs to a fixed set of workers, directly: a waiting worker gets its job from the task that makes it available.
final class Backlog: Sendable {
    typealias Job = BacklogState.Job

    private struct Waiter: Sendable {
        let id: UInt64
        let limit: Int
        let continuation: CheckedContinuation<[Job]?, Never>
    }

    private struct Guarded: Sendable {
        var state: BacklogState
        var waiters: Deque<Waiter> = []
        var lastWaiter: UInt64 = 0
        var cancelled: Set<UInt64> = []
    }

    private let guarded: Mutex<Guarded>
    private let ordering: Ordering

    /// Raised when a key has been put to sleep or the backlog is finished.
    let alarm = Signal()

    init(ordering: Ordering) {
        self.ordering = ordering
        self.guarded = Mutex(Guarded(state: BacklogState(ordering: ordering)))
    }

    var state: BacklogState { self.guarded.withLock { $0.state } }

    func add(_ deliveries: [Delivery]) {
        self.change { $0.add(deliveries) }
    }

    func finish() {
        self.change { $0.finish() }
        self.alarm.raise()
    }

    func complete(_ job: Job) {
        // Without order nothing has waited for it.
        guard self.ordering == .perKey else { return }
        self.change { $0.complete(job) }
    }

    func hold(_ job: Job, until due: Duration) {
        self.change { $0.hold(job, until: due) }
        self.alarm.raise()
    }

    func wake(now: Duration) {
        self.change { $0.wake(now: now) }
    }

    /// Waits for jobs; `nil` when the backlog is finished and nothing can start, or when the task is cancelled.
    ///
    /// - Parameter rest: called before the task waits.
    func take(limit: Int, rest: () -> Void) async -> [Job]? {
        if Task.isCancelled { return nil }
        let (jobs, isFinished) = self.guarded.withLock { ($0.state.take(limit: limit), $0.state.isFinished) }
        if !jobs.isEmpty { return jobs }
        if isFinished { return nil }
        rest()
        return await self.untilTaken(limit: limit)
    }

    private func untilTaken(limit: Int) async -> [Job]? {
        let id = self.guarded.withLock { guarded in
            guarded.lastWaiter += 1
            return guarded.lastWaiter
        }
        defer { self.guarded.withLock { _ = $0.cancelled.remove(id) } }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: [Job]?? = self.guarded.withLock { guarded in
                    if guarded.cancelled.remove(id) != nil { return .some(nil) }
                    let jobs = guarded.state.take(limit: limit)
                    if !jobs.isEmpty { return jobs }
                    if guarded.state.isFinished { return .some(nil) }
                    guarded.waiters.append(Waiter(id: id, limit: limit, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = self.guarded.withLock { guarded -> Waiter? in
                guard let index = guarded.waiters.firstIndex(where: { $0.id == id }) else {
                    guarded.cancelled.insert(id)
                    return nil
                }
                return guarded.waiters.remove(at: index)
            }
            waiter?.continuation.resume(returning: nil)
        }
    }

    private func change(_ body: (inout BacklogState) -> Void) {
        var resumed: [(Waiter, [Job]?)] = []
        self.guarded.withLock { guarded in
            body(&guarded.state)
            while let waiter = guarded.waiters.first {
                let jobs = guarded.state.take(limit: waiter.limit)
                if jobs.isEmpty, !guarded.state.isFinished { break }
                guarded.waiters.removeFirst()
                resumed.append((waiter, jobs.isEmpty ? nil : jobs))
            }
        }
        for (waiter, jobs) in resumed { waiter.continuation.resume(returning: jobs) }
    }
}
