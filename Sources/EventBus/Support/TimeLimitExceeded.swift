// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A handler ran, or a task waited, for longer than its time limit.
package struct TimeLimitExceeded: Error, CustomStringConvertible {
    package let limit: Duration

    package var description: String { "the time limit of \(self.limit) was exceeded" }
}
