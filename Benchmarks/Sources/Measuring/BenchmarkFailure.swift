// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A call that makes no sense, or a measurement that is worth nothing.
package struct BenchmarkFailure: Error, CustomStringConvertible {
    /// What went wrong.
    package let description: String

    /// Creates a failure of what went wrong.
    package init(_ description: String) { self.description = description }
}
