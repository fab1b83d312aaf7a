// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import Synchronization

/// A state protected by a lock, and the tasks waiting for it to change.
///
/// Waiting tasks are resumed in order of arrival, after the lock has been released. A task that is cancelled leaves the list,
/// even if it is cancelled just before it enters.
package final class WaitList<State: Sendable, Request: Sendable, Answer: Sendable>: Sendable {
    /// The decision about a task that wants to wait.
    package enum Entry: Sendable {
        case answer(Answer)
        case wait(Request)
    }

    /// The waiting tasks, as part of the guarded state.
    package struct Waiters: Sendable {
        fileprivate struct Waiter: Sendable {
            let id: UInt64
            let request: Request
            let continuation: CheckedContinuation<Answer, Never>
        }

        fileprivate var waiting: Deque<Waiter> = []
        fileprivate var lastID: UInt64 = 0
        fileprivate var cancelled: Set<UInt64> = []
        fileprivate var resumed: [(waiter: Waiter, answer: Answer)] = []

        /// The request of the task that has waited longest.
        package var first: Request? { self.waiting.first?.request }

        /// Resumes the task that has waited longest.
        package mutating func resumeFirst(returning answer: Answer) {
            guard let waiter = self.waiting.popFirst() else { return }
            self.resumed.append((waiter, answer))
        }

        /// Resumes all tasks whose requests satisfy `isDue`.
        package mutating func resumeAll(returning answer: Answer, where isDue: (Request) -> Bool = { _ in true }) {
            for waiter in self.waiting where isDue(waiter.request) { self.resumed.append((waiter, answer)) }
            self.waiting.removeAll { isDue($0.request) }
        }
    }

    private struct Guarded: Sendable {
        var state: State
        var waiters = Waiters()
    }

    private let guarded: Mutex<Guarded>

    package init(_ state: State) {
        self.guarded = Mutex(Guarded(state: state))
    }

    /// Reads or changes the state without resuming any task.
    package func withLock<Result>(_ body: (inout State) -> Result) -> Result {
        self.guarded.withLock { body(&$0.state) }
    }

    /// Changes the state and then resumes the tasks that `body` has chosen.
    package func change<Result>(_ body: (inout State, inout Waiters) -> Result) -> Result {
        let (result, resumed) = self.guarded.withLock { guarded in
            let result = body(&guarded.state, &guarded.waiters)
            defer { guarded.waiters.resumed = [] }
            return (result, guarded.waiters.resumed)
        }
        for (waiter, answer) in resumed { waiter.continuation.resume(returning: answer) }
        return result
    }

    /// Returns the answer of `enter`, or waits until another task provides one.
    ///
    /// - Parameters:
    ///   - cancelled: The answer if the task is cancelled first.
    ///   - enter: Gets the state and the number of waiting tasks; returns the answer, or the request to wait with.
    package func wait(
        orWhenCancelled cancelled: Answer,
        _ enter: (inout State, _ waiting: Int) -> Entry
    ) async -> Answer {
        let id = self.guarded.withLock { guarded in
            guarded.waiters.lastID += 1
            return guarded.waiters.lastID
        }
        defer { self.guarded.withLock { _ = $0.waiters.cancelled.remove(id) } }
        return await withTaskCancellationHandler {
            await self.wait(as: id, orWhenCancelled: cancelled, enter)
        } onCancel: {
            let waiter = self.guarded.withLock { guarded -> Waiters.Waiter? in
                guard let index = guarded.waiters.waiting.firstIndex(where: { $0.id == id }) else {
                    guarded.waiters.cancelled.insert(id)
                    return nil
                }
                return guarded.waiters.waiting.remove(at: index)
            }
            waiter?.continuation.resume(returning: cancelled)
        }
    }

    /// Returns the answer of `enter`, or waits until another task provides one, even if this task is cancelled.
    package func waitIgnoringCancellation(_ enter: (inout State, _ waiting: Int) -> Entry) async -> Answer {
        await self.wait(as: 0, orWhenCancelled: nil, enter)
    }

    private func wait(
        as id: UInt64,
        orWhenCancelled cancelled: Answer?,
        _ enter: (inout State, _ waiting: Int) -> Entry
    ) async -> Answer {
        await withCheckedContinuation { continuation in
            let answer: Answer? = self.guarded.withLock { guarded in
                if let cancelled, guarded.waiters.cancelled.contains(id) { return cancelled }
                switch enter(&guarded.state, guarded.waiters.waiting.count) {
                case .answer(let answer): return answer
                case .wait(let request):
                    guarded.waiters.waiting.append(.init(id: id, request: request, continuation: continuation))
                    return nil
                }
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }
}
