// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension QueueState {
    /// Whether the queue is empty apart from dead letters.
    var isIdle: Bool {
        self.main.isEmpty && self.quarantined.isEmpty && self.delayed.isEmpty
            && self.consumers.allSatisfy { $0.outstanding.isEmpty }
    }

    /// The number of messages that wait or are held by consumers, and of dead letters.
    var contents: (messages: Int, deadLetters: Int) {
        let held = self.consumers.reduce(0) { $0 + $1.outstanding.count }
        return (
            self.main.count + self.quarantined.count + self.delayed.count + held,
            self.deadLetters.count
        )
    }

    /// Whether a consumer's scope is still open.
    func isOpen(_ id: ConsumerID) -> Bool { self.consumers.contains { $0.id == id } }

    /// The message of an unsettled delivery; `nil` if there is no such delivery.
    func outstanding(_ tag: UInt64, of id: ConsumerID) -> Message? {
        self.consumers.first { $0.id == id }?.outstanding.first { $0.tag == tag }?.entry.message
    }
}
