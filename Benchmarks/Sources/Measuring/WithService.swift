// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Does something while a service runs; one that ends or fails before the measurement does is a failure, not an endless wait.
package func withService<Result: Sendable>(
    _ run: @escaping @Sendable () async throws -> Void,
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            try await run()
            return nil
        }
        group.addTask { try await body() }
        guard let first = try await group.next(), let result = first else {
            group.cancelAll()
            throw BenchmarkFailure("what was to be measured has ended by itself")
        }
        group.cancelAll()
        // How it ends is no part of what is measured.
        while let _ = try? await group.next() {}
        return result
    }
}
