// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Runs `body` and cancels it when the limit has passed: a ``WorkLimit`` for one piece of work.
///
/// What `body` returns counts even when it comes after the limit: it may have committed something.
package func withTimeLimit<Result: Sendable>(
    _ limit: Duration,
    on clock: RelativeClock,
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let work = WorkLimit(limit, on: clock)
    return try await work.supervise { try await work.run(body) }
}
