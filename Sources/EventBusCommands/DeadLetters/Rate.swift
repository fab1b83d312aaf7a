// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser

/// How many in which time: `100/s`, `30/m`, `1000/h` or just `100` for a second.
struct Rate: Sendable, Hashable, ExpressibleByArgument {
    let perSecond: Double

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
