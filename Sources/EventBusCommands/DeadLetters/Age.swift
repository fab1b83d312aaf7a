// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser

/// A length of time: `90s`, `30m`, `12h` or `7d`.
struct Age: Sendable, Hashable, ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }), let number = Int64(argument.dropLast()), number >= 0
        else {
            return nil
        }
        let (seconds, isTooLong) = number.multipliedReportingOverflow(by: unit)
        guard !isTooLong else { return nil }
        self.duration = .seconds(seconds)
    }
}
