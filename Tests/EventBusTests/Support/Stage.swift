// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import ServiceLifecycleTestKit
import Synchronization
import Testing

extension Stage {
    /// Waits for a job that comes from outside the stage and lets everything run.
    func settleNextJob() async {
        await self.untilNextJob()
        self.settle()
    }

    /// Starts a task as if it were a service, with a way to ask for a graceful shutdown.
    func startUnderShutdown(
        _ body: @escaping @Sendable () async throws -> Void
    ) -> (Performance<Void>, trigger: @Sendable () -> Void) {
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

/// What happened, in order.
final class Log<Entry: Sendable>: Sendable {
    private let state = Mutex<[Entry]>([])

    var entries: [Entry] { self.state.withLock { $0 } }

    func append(_ entry: Entry) {
        self.state.withLock { $0.append(entry) }
    }
}

/// A gate that tasks wait at until it is opened, or until they are cancelled.
struct Gate: Sendable {
    private let level = Notifier()

    func open() { self.level.raise() }

    func wait() async throws { _ = try await self.level.wait(above: 0) }
}
