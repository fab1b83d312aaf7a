// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How often something may happen: at once up to `count` times, and in the long run `count` times in each `period`.
struct RateLimit: Sendable, Hashable {
    let count: Int
    let period: Duration

    init(_ count: Int, per period: Duration) {
        self.count = count
        self.period = period
    }

    /// Reads `20/60`: 20 in 60 seconds.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let count = Int(parts[0]), let seconds = Int(parts[1]), (1...100_000).contains(count),
            (1...86_400).contains(seconds)
        else { return nil }
        self.init(count, per: .seconds(seconds))
    }

    /// The pause between two events that go on for ever.
    var interval: Duration { self.period / self.count }
}
