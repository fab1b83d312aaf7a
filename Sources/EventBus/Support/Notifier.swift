// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A count that only rises, and tasks that wait for it to pass the count they have seen, so that none misses a rise.
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

    /// Returns the count once it is above `seen`.
    ///
    /// - Throws: `CancellationError`.
    package func wait(above seen: UInt64) async throws -> UInt64 {
        await self.list.wait(orWhenCancelled: ()) { count, _ in count > seen ? .answer(()) : .wait(seen) }
        try Task.checkCancellation()
        return self.value
    }
}
