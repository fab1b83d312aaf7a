// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser

/// How many in which time: `100/s`, `30/m`, `1000/h` or just `100` for a second.
struct Rate: Sendable, Hashable, ExpressibleByArgument {
    let perSecond: Double

    /// Whether RabbitMQ can end a run at this rate.
    ///
    /// It takes back what is unacknowledged for longer than its `consumer_timeout`, by default 30 minutes. What a pass has fetched is given
    /// back after 4 minutes, but not while a batch waits for its time, which is 5 minutes here.
    var isTooSlow: Bool { self.perSecond < 12 / 3600 }

    init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
        guard let number = Int(parts[0]), number > 0, parts.count <= 2 else { return nil }
        switch parts.dropFirst().first {
        case nil, "s": self.perSecond = Double(number)
        case "m": self.perSecond = Double(number) / 60
        case "h": self.perSecond = Double(number) / 3600
        default: return nil
        }
    }

    /// As many as fall to a second.
    var batch: Int { max(1, Int(self.perSecond)) }

    /// When so many may have been done, counted from the beginning.
    func time(of count: Int) -> Duration { .seconds(Double(max(0, count - self.batch)) / self.perSecond) }
}
