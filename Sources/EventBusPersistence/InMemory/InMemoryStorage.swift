// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// What an in-memory store shares with its repositories, its transactions and the readers of its outbox.
final class InMemoryStorage: Sendable {
    private enum Answer: Sendable {
        case goOn, cancelled
    }

    private let contents: Mutex<Contents>

    /// The transactions that wait for others to end.
    private let waiting = WaitList<Void, RowLocks.Owner, Answer>(())

    /// Counts the commits that added rows to the outbox.
    let commits = Notifier()

    /// Lets one reader at a time own the outbox.
    let ownership = AsyncSemaphore()

    let observer: (any InMemoryStoreObserver)?

    init(retention: Duration, observer: (any InMemoryStoreObserver)? = nil) {
        self.contents = Mutex(Contents(retention: retention))
        self.observer = observer
    }

    func withContents<Result: Sendable>(_ body: (inout Contents) -> Result) -> Result {
        self.contents.withLock { body(&$0) }
    }

    /// Ends a transaction by a change that returns the transactions which can go on now.
    func end(_ change: (inout Contents) -> [RowLocks.Owner]) {
        let ready = self.contents.withLock { change(&$0) }
        guard !ready.isEmpty else { return }
        self.waiting.change { _, waiters in waiters.resumeAll(returning: .goOn) { ready.contains($0) } }
    }

    /// Lets a transaction of nobody hold something; returns how to end it, or `nil` if another transaction holds that.
    func hold(_ key: RowLocks.Key) -> (@Sendable () -> Void)? {
        guard let owner = self.withContents({ $0.begin(holding: key) }) else { return nil }
        return { self.end { $0.rollBack(owner) } }
    }

    /// Waits until a transaction has got the lock for which it has queued; returns `false` if the task is cancelled first.
    func wait(_ owner: RowLocks.Owner) async -> Bool {
        let answer = await self.waiting.wait(orWhenCancelled: .cancelled) { _, _ in
            self.contents.withLock { $0.locks.isWaiting(owner) } ? .wait(owner) : .answer(.goOn)
        }
        return answer == .goOn
    }
}
