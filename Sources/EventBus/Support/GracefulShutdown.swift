// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ServiceLifecycle

/// How a service ends its running work on graceful shutdown.
package enum ShutdownResponse: Sendable {
    /// The work has been notified and ends on its own.
    case drains
    /// The work has been notified and ends on its own; it is cancelled if it has not ended within this time.
    case drainsWithin(Duration, RelativeClock)
    /// The work may be waiting indefinitely and has to be cancelled.
    case cancel
}

/// Runs `body` and calls `onShutdown` on graceful shutdown; a `body` that is cancelled for the shutdown counts as finished.
package func withGracefulShutdown(
    _ onShutdown: @escaping @Sendable () -> ShutdownResponse,
    _ body: @escaping @Sendable () async throws -> Void
) async throws {
    enum End { case body, shutdown, drainLimit }
    try await withThrowingTaskGroup(of: End.self) { group in
        group.addTask {
            try await body()
            return .body
        }
        group.addTask {
            // `gracefulShutdown()` of ServiceLifecycle is not used because it starts unstructured tasks.
            let begins = Signal()
            await withGracefulShutdownHandler {
                await begins.wait()
            } onGracefulShutdown: {
                begins.raise()
            }
            return .shutdown
        }
        var hasEnded = false
        var wasCancelledHere = false
        do {
            while let end = try await group.next() {
                switch end {
                case .body:
                    hasEnded = true
                    group.cancelAll()
                case .drainLimit where !hasEnded:
                    wasCancelledHere = true
                    group.cancelAll()
                case .shutdown where !hasEnded && !Task.isCancelled:
                    switch onShutdown() {
                    case .drains: break
                    case .drainsWithin(let limit, let clock):
                        group.addTask {
                            try? await clock.sleep(clock.now() + limit)
                            return .drainLimit
                        }
                    case .cancel:
                        wasCancelledHere = true
                        group.cancelAll()
                    }
                case .shutdown, .drainLimit: break
                }
            }
        } catch is CancellationError where wasCancelledHere && !Task.isCancelled {
            return
        }
    }
}
