// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The delays after which a message can be delivered again, the same on every backend.
///
/// The delays are few and fixed because a broker needs one queue for each, declared in advance.
public enum RetryLadder {
    /// 1 s, 5 s, 30 s, 2 min, 10 min, 1 h, 6 h and 24 h.
    public static let delays: [Duration] = [
        .seconds(1), .seconds(5), .seconds(30), .seconds(120), .seconds(600), .seconds(3600), .seconds(21600),
        .seconds(86400),
    ]

    /// Returns the ladder's delay that is closest to `delay`, the shorter one if two are equally close.
    public static func nearest(to delay: Duration) -> Duration {
        var best = Duration.seconds(1)
        for step in Self.delays where Self.distance(step, delay) < Self.distance(best, delay) { best = step }
        return best
    }

    private static func distance(_ left: Duration, _ right: Duration) -> Duration {
        left > right ? left - right : right - left
    }
}
