// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Counts by key who has done something how often: a pure value, with times as they are given.
///
/// For each key it keeps one time, at which all of its events would be over if they came at the limit's interval: the virtual
/// scheduling of the Generic Cell Rate Algorithm (ITU-T I.371), which is a token bucket without a refill.
///
/// No more than ``capacity`` keys are kept. Where there are more, those are forgotten that were not seen for the longest time, so that
/// many keys cost no memory; a key that is forgotten starts anew.
struct RateLimiter<Key: Hashable & Sendable>: Sendable {
    let limit: RateLimit
    let capacity: Int

    /// The keys that were seen last; at half of the capacity they become the older ones, which are forgotten.
    private var recent: [Key: Duration] = [:]
    private var older: [Key: Duration] = [:]

    init(_ limit: RateLimit, capacity: Int = 20_000) {
        self.limit = limit
        self.capacity = capacity
    }

    /// The number of keys that are kept.
    var count: Int { self.recent.count + self.older.count }

    /// Counts an event, unless it is one too many.
    ///
    /// - Returns: how long to wait, if it is.
    mutating func wait(for key: Key, at now: Duration) -> Duration? {
        let end = max(self.recent[key] ?? self.older[key] ?? now, now)
        let wait = end + self.limit.interval - self.limit.interval * self.limit.count - now
        guard wait <= .zero else {
            // Whoever goes on is not forgotten.
            self.keep(key, until: end)
            return wait
        }
        self.keep(key, until: end + self.limit.interval)
        return nil
    }

    private mutating func keep(_ key: Key, until end: Duration) {
        self.older[key] = nil
        if self.recent[key] == nil, self.recent.count >= self.capacity / 2 {
            self.older = self.recent
            self.recent = [:]
        }
        self.recent[key] = end
    }
}
