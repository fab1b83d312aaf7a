// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import Synchronization

/// What a program of others has not published yet, over all its lives.
final class ForeignBacklog: Sendable {
    let name: String
    private let messages: Mutex<Deque<Message>>

    init(_ name: String, _ messages: [Message]) {
        self.name = name
        self.messages = Mutex(Deque(messages))
    }

    var count: Int { self.messages.withLock { $0.count } }
    var next: Message? { self.messages.withLock { $0.first } }
    func removeFirst() { self.messages.withLock { _ = $0.popFirst() } }
}
