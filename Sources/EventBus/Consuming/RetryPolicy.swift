// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How often a failing event is tried, and how long it waits in between.
///
/// The delay before attempt *n + 1* is `firstDelay × factor^(n − 1)`, at most `cap`, moved to the nearest delay of the ``RetryLadder``.
///
/// On RabbitMQ the first retry of a subscription after each delay comes 5 s later, since its queue is created only then. Meanwhile the
/// event takes a place of the consumer's `prefetch`.
public struct RetryPolicy: Sendable, Hashable {
    /// How many attempts are started at most, the first included; at least 1.
    public let attempts: Int
    /// The delay after the first failure.
    public let firstDelay: Duration
    /// By how much each delay is longer than the one before.
    public let factor: Double
    /// The longest delay.
    public let cap: Duration

    /// Creates a policy; a value out of range is a programming error.
    ///
    /// - Parameters:
    ///   - attempts: at least 1.
    ///   - firstDelay: not negative.
    ///   - factor: a finite number of at least 1.
    ///   - cap: not negative.
    public init(
        attempts: Int = 5,
        firstDelay: Duration = .seconds(1),
        factor: Double = 10,
        cap: Duration = .seconds(120)
    ) {
        require(attempts >= 1, "attempts is \(attempts), must be at least 1")
        require(firstDelay >= .zero, "firstDelay is \(firstDelay), must not be negative")
        require(factor >= 1 && factor.isFinite, "factor is \(factor), must be a finite number of at least 1")
        require(cap >= .zero, "cap is \(cap), must not be negative")
        self.attempts = attempts
        self.firstDelay = firstDelay
        self.factor = factor
        self.cap = cap
    }

    /// Five attempts with 1 s, 10 s, 2 min and 2 min between them.
    public static let standard = RetryPolicy()

    /// One attempt: an event that fails is dead-lettered at once.
    ///
    /// If a consumer dies, it is unknown whether a message that comes back was started. It is started once more then.
    public static let never = RetryPolicy(attempts: 1)

    /// The longest delay on an ordered subscription.
    static let longestOrderedDelay = Duration.seconds(600)

    /// The delays that can follow a failure, in ascending order.
    var delays: [Duration] {
        var delays: [Duration] = []
        // Whoever makes more attempts than this has reached the longest delay, unless the factor is nearly 1.
        for failures in 1..<max(1, min(self.attempts, 200)) {
            let delay = self.delay(afterFailures: failures)
            if delays.last != delay { delays.append(delay) }
        }
        return delays
    }

    /// How long an ordered event stays unsettled if every attempt fails immediately.
    var longestHold: Duration {
        var hold = Duration.zero
        for failures in 1..<max(2, self.attempts) where failures < self.attempts && hold < .seconds(86400) {
            hold += min(self.delay(afterFailures: failures), Self.longestOrderedDelay)
        }
        return hold
    }

    /// The delay that follows a number of failures, one of ``RetryLadder/delays``.
    public func delay(afterFailures failures: Int) -> Duration {
        // In floating point, since a large factor soon exceeds the range of `Duration`.
        var seconds = self.firstDelay / .seconds(1)
        let longest = min(self.cap / .seconds(1), 86400)
        for _ in 1..<max(1, failures) where seconds < longest { seconds *= self.factor }
        return RetryLadder.nearest(to: .seconds(min(seconds, longest)))
    }
}
