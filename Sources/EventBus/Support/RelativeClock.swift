// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// An injected clock with its instants as durations since the clock was made, so that they can be stored and compared.
package struct RelativeClock: Sendable {
    /// The time that has passed since the clock was made.
    package let now: @Sendable () -> Duration

    /// Sleeps until the given time since the clock was made; throws `CancellationError`.
    package let sleep: @Sendable (_ until: Duration) async throws -> Void

    package init<C: Clock<Duration>>(_ clock: C) {
        let origin = clock.now
        self.now = { origin.duration(to: clock.now) }
        self.sleep = { try await clock.sleep(until: origin.advanced(by: $0), tolerance: nil) }
    }
}
