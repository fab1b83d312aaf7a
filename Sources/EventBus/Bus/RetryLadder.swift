// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The delays after which a message can be delivered again, the same on every backend.
///
/// The delays are few and fixed because a broker needs one queue for each. A ``Subscription`` names those that it uses.
public enum RetryLadder {
    /// 1 s, 10 s, 2 min, 10 min, 1 h, 6 h and 24 h.
    public static let delays: [Duration] = [
        .seconds(1), .seconds(10), .seconds(120), .seconds(600), .seconds(3600), .seconds(21600), .seconds(86400),
    ]

    /// Returns the ladder's delay that is closest to `delay`, the shorter one if two are equally close.
    public static func nearest(to delay: Duration) -> Duration {
        Self.nearest(to: delay, among: Self.delays) ?? .seconds(1)
    }

    /// The closest of some delays in ascending order; `nil` if there is none.
    package static func nearest(to delay: Duration, among delays: [Duration]) -> Duration? {
        delays.min { Self.distance($0, delay) < Self.distance($1, delay) }
    }

    private static func distance(_ left: Duration, _ right: Duration) -> Duration {
        left > right ? left - right : right - left
    }
}
