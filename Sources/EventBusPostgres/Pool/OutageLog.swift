// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging

/// At which level failures to connect are logged: a single one is nothing unusual, from the second in a row on somebody should look.
struct OutageLog: Sendable {
    private var failures = 0

    mutating func levelOfNextFailure() -> Logger.Level {
        self.failures += 1
        return self.failures > 1 ? .warning : .info
    }

    mutating func connected() { self.failures = 0 }
}
