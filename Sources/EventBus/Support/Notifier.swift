// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A counter on which tasks wait until it exceeds the value that they have seen, so that no increase is missed.
package final class Notifier: Sendable {
    private let list = WaitList<UInt64, UInt64, Void>(0)

    package init() {}

    package var value: UInt64 { self.list.withLock { $0 } }

    package func raise() {
        self.list.change { count, waiters in
            count += 1
            let reached = count
            waiters.resumeAll(returning: ()) { $0 < reached }
        }
    }

    /// Waits until the counter is above `seen` and returns its value.
    ///
    /// - Throws: `CancellationError`.
    package func wait(above seen: UInt64) async throws -> UInt64 {
        await self.list.wait(orWhenCancelled: ()) { count, _ in count > seen ? .answer(()) : .wait(seen) }
        try Task.checkCancellation()
        return self.value
    }
}
