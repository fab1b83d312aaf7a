// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusRabbit

extension DeadLetterGap {
    /// Ends the command with ``CommandExit/incomplete``.
    func check() throws(CommandError) {
        throw CommandError(CommandExit.incomplete, "not everything was looked at: \(self)")
    }
}
