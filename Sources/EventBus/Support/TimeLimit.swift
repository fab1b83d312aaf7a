// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Runs `body` and cancels it when the limit has passed, like a ``WorkLimit`` for a single piece of work.
///
/// If `body` returns after the limit, its result is still used, because it may have committed something.
package func withTimeLimit<Result: Sendable>(
    _ limit: Duration,
    on clock: RelativeClock,
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let work = WorkLimit(limit, on: clock)
    return try await work.supervise { try await work.run(body) }
}
