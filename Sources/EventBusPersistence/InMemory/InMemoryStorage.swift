// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What an in-memory store shares with its repositories, its transactions and the readers of its outbox.
final class InMemoryStorage: Sendable {
    private enum Answer: Sendable {
        case goOn, cancelled
    }

    /// The contents, and the transactions that wait for others to end.
    private let contents: WaitList<Contents, RowLocks.Owner, Answer>

    /// Counts the commits that added rows to the outbox.
    let commits = Notifier()

    /// Lets one reader at a time own the outbox.
    let ownership = AsyncSemaphore()

    let observer: (any InMemoryStoreObserver)?

    init(retention: Duration, observer: (any InMemoryStoreObserver)? = nil) {
        self.contents = WaitList(Contents(retention: retention))
        self.observer = observer
    }

    func withContents<Result>(_ body: (inout Contents) -> Result) -> Result {
        self.contents.withLock(body)
    }

    /// Ends a transaction by a change that returns the transactions which can go on now.
    func end(_ owner: RowLocks.Owner?, _ change: (inout Contents) -> [RowLocks.Owner]) {
        self.contents.change { contents, waiters in
            let granted = change(&contents)
            // A transaction can end while it waits, if its context has outlived it.
            waiters.resumeAll(returning: .goOn) { $0 == owner || granted.contains($0) }
        }
    }

    /// Waits until a transaction has got the lock for which it has queued; returns `false` if the task is cancelled first.
    func wait(_ owner: RowLocks.Owner) async -> Bool {
        let answer = await self.contents.wait(orWhenCancelled: .cancelled) { contents, _ in
            contents.locks.isWaiting(owner) ? .wait(owner) : .answer(.goOn)
        }
        return answer == .goOn
    }
}
