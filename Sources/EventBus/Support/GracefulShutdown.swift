// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ServiceLifecycle

/// How a service ends its running work on graceful shutdown.
package enum ShutdownResponse: Sendable {
    /// The work has been notified and ends on its own.
    case drains
    /// The work may be waiting indefinitely and has to be cancelled.
    case cancel
}

/// Runs `body` and calls `onShutdown` on graceful shutdown; a `body` that is cancelled for the shutdown counts as finished.
package func withGracefulShutdown(
    _ onShutdown: @escaping @Sendable () -> ShutdownResponse,
    _ body: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
            try await body()
            return true
        }
        group.addTask {
            // `gracefulShutdown()` of ServiceLifecycle is not used because it starts unstructured tasks.
            let begins = Signal()
            await withGracefulShutdownHandler {
                await begins.wait()
            } onGracefulShutdown: {
                begins.raise()
            }
            return false
        }
        var hasEnded = false
        var wasCancelledHere = false
        do {
            while let isBody = try await group.next() {
                if isBody {
                    hasEnded = true
                    group.cancelAll()
                } else if !hasEnded, !Task.isCancelled, onShutdown() == .cancel {
                    wasCancelledHere = true
                    group.cancelAll()
                }
            }
        } catch is CancellationError where wasCancelledHere && !Task.isCancelled {
            return
        }
    }
}
