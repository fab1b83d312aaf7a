// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Exponential back-off: each pause is twice as long as the one before, up to a limit.
package struct Backoff: Sendable, Hashable {
    private let first: Duration
    private let longest: Duration
    private var upcoming: Duration

    package init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
        self.upcoming = first
    }

    /// The next pause.
    package mutating func next() -> Duration {
        defer { self.upcoming = min(self.upcoming * 2, self.longest) }
        return self.upcoming
    }

    /// What was tried has worked: the next pause is the first one again.
    package mutating func reset() {
        self.upcoming = self.first
    }
}
