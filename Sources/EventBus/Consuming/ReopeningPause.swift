// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How long a consumer waits before it opens its subscription again: a pure value.
///
/// The pauses grow to two seconds only, so that events flow soon after a broker is back.
struct ReopeningPause: Hashable {
    /// After so long an opening counts as a success.
    ///
    /// One that fails sooner, again and again, must not become a storm.
    static let stable = Duration.seconds(10)
    static let longest = Duration.seconds(2)

    private var backoff = Backoff(first: .milliseconds(50), longest: Self.longest)

    /// - Parameter openFor: how long the subscription was open; `nil` if it could not be opened.
    mutating func next(openFor time: Duration?) -> Duration {
        if let time, time >= Self.stable { self.backoff.reset() }
        return self.backoff.next()
    }
}
