// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How many messages wait in a queue, and how many consumers it has.
package struct QueueCount: Hashable, Sendable {
    /// Those that no consumer holds.
    package let messages: Int
    package let consumers: Int

    package init(messages: Int, consumers: Int) {
        self.messages = messages
        self.consumers = consumers
    }
}
