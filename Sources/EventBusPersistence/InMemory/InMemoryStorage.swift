// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// What an in-memory store, its repositories, its transactions and the readers of its outbox share.
final class InMemoryStorage: Sendable {
    let tables = Mutex(Tables())

    /// Rises with each commit that adds to the outbox.
    let level = Notifier()

    /// Lets one reader own the outbox.
    let ownership = AsyncSemaphore()

    let observer: (any InMemoryStoreObserver)?

    init(observer: (any InMemoryStoreObserver)? = nil) {
        self.observer = observer
    }
}
