// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Which transactions hold what they have written, and which of them wait for it: a pure state machine.
///
/// A transaction holds a lock until it ends, and waits for one at a time. Waiting transactions get a lock in order of arrival.
struct RowLocks: Sendable {
    typealias Owner = UInt64

    /// What a transaction holds.
    enum Key: Hashable, Sendable {
        case row(RowKey)
        case value(UniqueValue)
        case handled(InboxKey)
    }

    enum Answer: Sendable, Hashable {
        case held
        /// Another transaction holds the lock; `release` reports when the owner has got it.
        case waits
        /// The holder waits, directly or through others, for the owner, which therefore must not wait.
        case deadlock
    }

    private struct Lock: Sendable {
        var holder: Owner
        var queue: [Owner] = []
    }

    private var locks: [Key: Lock] = [:]
    private var held: [Owner: [Key]] = [:]
    private var waiting: [Owner: Key] = [:]

    var isEmpty: Bool { self.locks.isEmpty && self.held.isEmpty && self.waiting.isEmpty }

    func holder(of key: Key) -> Owner? { self.locks[key]?.holder }

    func isWaiting(_ owner: Owner) -> Bool { self.waiting[owner] != nil }

    /// What an owner waits for.
    func awaited(by owner: Owner) -> Key? { self.waiting[owner] }

    /// Takes a lock or queues for it.
    ///
    /// The owner must not be waiting for another one.
    mutating func acquire(_ key: Key, for owner: Owner) -> Answer {
        guard let lock = self.locks.updateValue(Lock(holder: owner), forKey: key) else {
            self.held[owner, default: []].append(key)
            return .held
        }
        self.locks[key] = lock
        if lock.holder == owner { return .held }
        if self.chain(from: lock.holder, endsAt: owner) { return .deadlock }
        self.locks[key]?.queue.append(owner)
        self.waiting[owner] = key
        return .waits
    }

    /// Releases all locks of an owner that has ended, also if it still waits for one.
    ///
    /// - Returns: the owners that wait no longer: those which have got a lock, and this one if it waited.
    mutating func release(_ owner: Owner) -> [Owner] {
        var ready: [Owner] = []
        if let key = self.waiting.removeValue(forKey: owner) {
            self.locks[key]?.queue.removeAll { $0 == owner }
            ready.append(owner)
        }
        for key in self.held.removeValue(forKey: owner) ?? [] {
            guard var lock = self.locks.removeValue(forKey: key), !lock.queue.isEmpty else { continue }
            lock.holder = lock.queue.removeFirst()
            self.locks[key] = lock
            self.waiting[lock.holder] = nil
            self.held[lock.holder, default: []].append(key)
            ready.append(lock.holder)
        }
        return ready
    }

    /// Whether `holder` waits for `owner`, possibly through others.
    ///
    /// As nobody waits for two locks, this is a chain. It has an end, since no wait has closed a cycle.
    private func chain(from holder: Owner, endsAt owner: Owner) -> Bool {
        var next: Owner? = holder
        while let current = next {
            if current == owner { return true }
            next = self.waiting[current].flatMap { self.locks[$0]?.holder }
        }
        return false
    }
}
