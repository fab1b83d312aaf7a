// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import ServiceLifecycleTestKit
import Synchronization

extension ManualExecutor {
    /// Starts a task like a service, and returns a closure that triggers its graceful shutdown.
    func startUnderShutdown(
        _ body: @escaping @Sendable () async throws -> Void
    ) -> (ManualTask<Void>, trigger: @Sendable () -> Void) {
        let shutdown = Shutdown()
        let performance = self.start {
            try await testGracefulShutdown { trigger in
                shutdown.trigger.withLock { $0 = trigger }
                try await body()
            }
        }
        return (performance, { shutdown.trigger.withLock { $0 }?.triggerGracefulShutdown() })
    }
}

private final class Shutdown: Sendable {
    let trigger = Mutex<GracefulShutdownTestTrigger?>(nil)
}
