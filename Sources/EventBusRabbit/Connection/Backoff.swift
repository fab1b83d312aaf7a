// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How long to wait before the next attempt: full jitter over 0.5 s, 1 s, 2 s … 30 s, so that many clients do not come back at once.
struct Backoff {
    private var failures = 0
    private let random: @Sendable (ClosedRange<Double>) -> Double

    /// - Parameter random: picks a number from a range.
    init(random: @escaping @Sendable (ClosedRange<Double>) -> Double = { Double.random(in: $0) }) {
        self.random = random
    }

    /// The next pause.
    mutating func next() -> Duration {
        let ceiling = min(30, 0.5 * Double(1 << min(self.failures, 10)))
        self.failures += 1
        return .milliseconds(Int64(self.random(0...ceiling) * 1000))
    }

    /// What was tried has worked.
    mutating func reset() {
        self.failures = 0
    }
}
