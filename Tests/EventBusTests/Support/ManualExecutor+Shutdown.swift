// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import ServiceLifecycleTestKit
import Synchronization
import Testing

extension ManualExecutor {
    /// Waits for a job from outside the stage and then runs everything that is ready.
    func settleNextJob() async {
        await self.untilNextJob()
        self.settle()
    }

    /// Starts a task as a service, together with a function that triggers its graceful shutdown.
    func startUnderShutdown(
        _ body: @escaping @Sendable () async throws -> Void
    ) -> (ManualTask<Void>, trigger: @Sendable () -> Void) {
        let triggers = Log<GracefulShutdownTestTrigger>()
        let performance = self.start {
            try await testGracefulShutdown { trigger in
                triggers.append(trigger)
                try await body()
            }
        }
        return (performance, { triggers.entries.first?.triggerGracefulShutdown() })
    }
}

/// A thread-safe list of what happened, in order.
final class Log<Entry: Sendable>: Sendable {
    private let state = Mutex<[Entry]>([])

    var entries: [Entry] { self.state.withLock { $0 } }

    func append(_ entry: Entry) {
        self.state.withLock { $0.append(entry) }
    }
}

/// A gate at which tasks wait until it is opened or they are cancelled.
struct Gate: Sendable {
    private let notifier = Notifier()

    func open() { self.notifier.raise() }

    func wait() async throws { _ = try await self.notifier.wait(above: 0) }
}
