// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// What an in-memory store shares with its repositories, its transactions and the readers of its outbox.
final class InMemoryStorage: Sendable {
    let tables = Mutex(Tables())

    /// Counts the commits that added rows to the outbox.
    let commits = Notifier()

    /// Lets one reader at a time own the outbox.
    let ownership = AsyncSemaphore()

    let observer: (any InMemoryStoreObserver)?

    init(observer: (any InMemoryStoreObserver)? = nil) {
        self.observer = observer
    }
}
