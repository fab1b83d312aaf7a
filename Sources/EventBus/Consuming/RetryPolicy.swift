// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How often a failing event is tried and how long it waits in between.
///
/// The delay before attempt *n + 1* is `firstDelay × factor^(n − 1)`, at most `cap`, moved to the nearest rung of the ``RetryLadder``.
public struct RetryPolicy: Sendable, Hashable {
    /// How many attempts are started at most, the first included; at least 1.
    public let attempts: Int
    /// The delay after the first failure.
    public let firstDelay: Duration
    /// By how much each delay is longer than the one before.
    public let factor: Double
    /// The longest delay.
    public let cap: Duration

    /// Makes a policy.
    ///
    /// Values out of range are moved into it: at least one attempt, a factor of 1 to 10⁹, no negative delay.
    public init(
        attempts: Int = 5,
        firstDelay: Duration = .seconds(1),
        factor: Double = 5,
        cap: Duration = .seconds(86400)
    ) {
        self.attempts = max(1, attempts)
        self.firstDelay = max(.zero, firstDelay)
        self.factor = min(max(1, factor), 1e9)
        self.cap = max(.zero, cap)
    }

    /// Five attempts with 1 s, 5 s, 30 s and 2 min between them.
    public static let standard = RetryPolicy()

    /// One attempt: what fails is dead-lettered at once.
    ///
    /// A message that comes back because its consumer died may have been started or not: it is started once more.
    public static let never = RetryPolicy(attempts: 1)

    /// The longest delay on an ordered subscription.
    static let longestOrderedDelay = Duration.seconds(600)

    /// How long an ordered event stays unsettled when every attempt fails at once.
    var longestHold: Duration {
        var hold = Duration.zero
        for failures in 1..<max(2, self.attempts) where failures < self.attempts && hold < .seconds(86400) {
            hold += min(self.delay(afterFailures: failures), Self.longestOrderedDelay)
        }
        return hold
    }

    /// The delay that follows a number of failures, a rung of the ladder.
    public func delay(afterFailures failures: Int) -> Duration {
        // In floating point, since a great factor soon leaves the range of `Duration`.
        var seconds = self.firstDelay / .seconds(1)
        let longest = min(self.cap / .seconds(1), 86400)
        for _ in 1..<max(1, failures) where seconds < longest { seconds *= self.factor }
        return RetryLadder.nearest(to: .seconds(min(seconds, longest)))
    }
}
