// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A handler that ran longer than its consumer allows.
package struct TimeLimitExceeded: Error, CustomStringConvertible {
    package let limit: Duration

    package var description: String { "the time limit of \(self.limit) was exceeded" }
}
