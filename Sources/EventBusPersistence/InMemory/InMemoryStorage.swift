// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// What an in-memory store shares with its repositories, its transactions and the readers of its outbox.
final class InMemoryStorage: Sendable {
    private enum Answer: Sendable {
        case goOn, cancelled
    }

    /// How long a transaction waits for another one.
    struct LockTimeout: Sendable {
        let duration: Duration
        let clock: RelativeClock
    }

    private let contents: Mutex<Contents>

    /// The transactions that wait for others to end.
    private let waiting = WaitList<Void, RowLocks.Owner, Answer>(())

    /// Counts the commits that added rows to the outbox.
    let commits = Notifier()

    /// Lets one reader at a time own the outbox.
    let ownership = AsyncSemaphore()

    let observer: (any InMemoryStoreObserver)?

    /// `nil` if the observer ends waits.
    private let lockTimeout: LockTimeout?

    init(retention: Duration, lockTimeout: LockTimeout?, observer: (any InMemoryStoreObserver)?) {
        self.contents = Mutex(Contents(retention: retention))
        self.lockTimeout = lockTimeout
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
    ///
    /// - Parameter giveUp: rolls the transaction back, after which it waits for nothing; called when it has waited for too long.
    func wait(_ owner: RowLocks.Owner, _ giveUp: @escaping @Sendable () -> Void) async -> Bool {
        guard let limit = self.lockTimeout else {
            self.observer?.willWait(giveUp)
            return await self.wait(owner)
        }
        return await withTaskGroup(of: Bool?.self) { group in
            group.addTask { await self.wait(owner) }
            group.addTask {
                if (try? await limit.clock.sleep(limit.clock.now() + limit.duration)) != nil { giveUp() }
                return nil
            }
            defer { group.cancelAll() }
            for await answer in group { if let answer { return answer } }
            return false
        }
    }

    private func wait(_ owner: RowLocks.Owner) async -> Bool {
        let answer = await self.waiting.wait(orWhenCancelled: .cancelled) { _, _ in
            self.contents.withLock { $0.locks.isWaiting(owner) } ? .wait(owner) : .answer(.goOn)
        }
        return answer == .goOn
    }
}
