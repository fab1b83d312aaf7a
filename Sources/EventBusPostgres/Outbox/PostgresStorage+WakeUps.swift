// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

extension PostgresStorage {
    /// The shortest time between two wake-ups that a process sends for an outbox.
    static let wakeUpInterval: Duration = .milliseconds(50)

    /// Tells the owner of the outbox in another process about commits, until cancellation.
    ///
    /// A transaction with NOTIFY waits at its commit for all others with one, so it is never the transaction that has published. Many
    /// commits share a wake-up. If one is lost, the owner finds the events when it polls.
    func announceCommits() async throws {
        var seen: UInt64 = 0
        while true {
            seen = try await self.commits.wait(above: seen)
            // The owner's own commits wake it without the server.
            if !self.ownsOutbox.load(ordering: .relaxed) { _ = try? await self.pool.run([self.wakeUp]) }
            try await Task.sleep(for: Self.wakeUpInterval)
        }
    }

    /// Wakes the relay of this process when wake-ups of others have arrived, until cancellation.
    ///
    /// As others send few of them, it looks once more in the middle until the next one could arrive.
    func followCommits(_ wakeUps: Notifier) async throws {
        var seen: UInt64 = 0
        while true {
            seen = try await wakeUps.wait(above: seen)
            self.commits.raise()
            try await Task.sleep(for: Self.wakeUpInterval / 2)
            self.commits.raise()
        }
    }

    /// The channel of an outbox; a schema's name can be as long as a channel's, which leaves no room for a prefix.
    private var channel: String { "eventbus_" + String(UInt64(bitPattern: self.schema.lock("outbox")), radix: 16) }

    /// Its commit is not worth the wait for a disk: a wake-up that is lost with a server that crashes is of no use afterwards.
    private var wakeUp: Statement {
        Statement("SELECT set_config('synchronous_commit', 'off', true), pg_notify('\(self.channel)', '')")
    }

    /// Makes the server send the wake-ups to a session.
    var listen: Statement { Statement("LISTEN \(self.channel)") }
}
