// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ServiceLifecycle

/// What a service does with its running work when it is asked to shut down.
package enum ShutdownResponse: Sendable {
    /// The work has been told and ends by itself.
    case drains
    /// The work waits for something that may never come: cancel it.
    case cancel
}

/// Runs `body` to its end and tells it of a graceful shutdown; a `body` that is cancelled for that counts as ended.
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
            // Not the library's `gracefulShutdown()`, which starts tasks that are nobody's children.
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
