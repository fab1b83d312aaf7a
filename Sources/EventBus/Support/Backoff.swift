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

    /// Returns the next pause.
    package mutating func next() -> Duration {
        defer { self.upcoming = min(self.upcoming * 2, self.longest) }
        return self.upcoming
    }

    /// Starts again with the first pause, after an attempt has succeeded.
    package mutating func reset() {
        self.upcoming = self.first
    }
}
