// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A clock whose instants are durations since its creation, so that they can be stored and compared without a generic type.
package struct RelativeClock: Sendable {
    /// The time since the clock was created.
    package let now: @Sendable () -> Duration

    /// Sleeps until the given time since the clock was created; throws `CancellationError`.
    package let sleep: @Sendable (_ until: Duration) async throws -> Void

    package init<C: Clock<Duration>>(_ clock: C) {
        let origin = clock.now
        self.now = { origin.duration(to: clock.now) }
        self.sleep = { try await clock.sleep(until: origin.advanced(by: $0), tolerance: nil) }
    }
}
