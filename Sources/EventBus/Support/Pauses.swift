// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Pauses between attempts, each twice as long as the one before, up to a limit.
package struct Pauses: Sendable {
    private let first: Duration
    private let longest: Duration
    private var upcoming: Duration

    package init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
        self.upcoming = first
    }

    package mutating func next() -> Duration {
        defer { self.upcoming = min(self.upcoming * 2, self.longest) }
        return self.upcoming
    }

    package mutating func reset() {
        self.upcoming = self.first
    }
}
