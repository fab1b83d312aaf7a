// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A handler that ran longer than its consumer allows.
package struct TimeLimitExceeded: Error, CustomStringConvertible {
    package let limit: Duration

    package var description: String { "the time limit of \(self.limit) was exceeded" }
}

/// Runs `body` and cancels it when the limit has passed; see ``WorkLimit`` for what happens often.
///
/// What `body` returns counts even when it comes after the limit: it may have committed something.
package func withTimeLimit<Result: Sendable>(
    _ limit: Duration,
    on timeline: Timeline,
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        let deadline = timeline.now() + limit
        group.addTask { try await body() }
        group.addTask {
            try? await timeline.sleep(deadline)
            return nil
        }
        defer { group.cancelAll() }
        if let result = try await group.next() ?? nil { return result }
        // The limit has passed, or the surrounding task was cancelled.
        group.cancelAll()
        do {
            if let result = try await group.next() ?? nil { return result }
        } catch  where !Task.isCancelled {
            throw TimeLimitExceeded(limit: limit)
        }
        try Task.checkCancellation()
        throw TimeLimitExceeded(limit: limit)
    }
}
