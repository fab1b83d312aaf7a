// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// How patient to be before something is tried that may not help: a pure state machine.
///
/// The first three times in a row as at first, then twice as long each time.
struct QuickTries {
    private static let quick = 3
    /// How long after the last try something must work to be its success: what is tried seems to help for a moment.
    private static let calm = TimeAmount.minutes(1)

    private var count = 0
    private var last = NIODeadline.uptimeNanoseconds(0)

    mutating func tried(now: NIODeadline) {
        self.count += 1
        self.last = now
    }

    /// It works.
    mutating func worked(now: NIODeadline) {
        if now - self.last >= Self.calm { self.count = 0 }
    }

    func patience(_ first: TimeAmount, longest: TimeAmount) -> TimeAmount {
        let factor = Int64(1) << min(Int64(max(0, self.count + 1 - Self.quick)), 10)
        return min(first * factor, longest)
    }
}
