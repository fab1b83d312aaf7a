// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Counts by key who has done something how often: a pure value, with times as they are given.
///
/// For each key it keeps one time, at which all of its events would be over if they came at the limit's interval: the virtual
/// scheduling of the Generic Cell Rate Algorithm (ITU-T I.371), which is a token bucket without a refill.
///
/// A key is kept until that time, and no more than ``capacity`` keys are kept, so that many keys cost no memory. Those that come
/// when there are more share a few times, by their hash: nobody can wipe out an account of attempts by making up other keys.
struct RateLimiter<Key: Hashable & Sendable>: Sendable {
    let limit: RateLimit
    let capacity: Int

    private var ends: [Key: Duration] = [:]
    private var shared = [Duration?](repeating: nil, count: 1024)
    private var lastSweep: Duration?

    init(_ limit: RateLimit, capacity: Int = 20_000) {
        self.limit = limit
        self.capacity = capacity
    }

    /// The number of keys that are kept.
    var count: Int { self.ends.count }

    /// Counts an event, unless it is one too many.
    ///
    /// - Returns: how long to wait, if it is.
    mutating func wait(for key: Key, at now: Duration) -> Duration? {
        if self.ends[key] == nil, self.ends.count >= self.capacity { self.sweep(at: now) }
        guard self.ends[key] != nil || self.ends.count < self.capacity else {
            let place = Int(UInt(bitPattern: key.hashValue) % UInt(self.shared.count))
            return Self.count(in: &self.shared[place], at: now, self.limit)
        }
        return Self.count(in: &self.ends[key], at: now, self.limit)
    }

    private static func count(in end: inout Duration?, at now: Duration, _ limit: RateLimit) -> Duration? {
        let last = max(end ?? now, now)
        let wait = last + limit.interval - limit.interval * limit.count - now
        if wait > .zero { return wait }
        end = last + limit.interval
        return nil
    }

    /// Forgets the keys that are as if they had never come; not with every event, since it looks at all of them.
    private mutating func sweep(at now: Duration) {
        if let lastSweep = self.lastSweep, now < lastSweep + self.limit.interval { return }
        self.lastSweep = now
        self.ends = self.ends.filter { $0.value > now }
    }
}
