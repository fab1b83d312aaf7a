// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The handlers of one consumer by topic.
package struct HandlerTable<Scope: ~Copyable>: Sendable {
    private let handlers: [Topic: On<Scope>]

    /// The topics in the order in which their handlers were given.
    package let topics: [Topic]

    /// Creates a table; two handlers for one topic are a programming error.
    package init(_ handlers: [On<Scope>], of consumer: SubscriptionName) {
        self.topics = handlers.map { $0.topic }
        self.handlers = Dictionary(handlers.map { ($0.topic, $0) }) { first, _ in
            fatalError("consumer \(consumer) has two handlers for topic \(first.topic); a topic has one")
        }
    }

    /// Why there is no handler for a message; `nil` if there is one.
    package func problem(with message: Message) -> String? {
        guard let handler = self.handlers[message.topic] else { return "no handler for topic \(message.topic)" }
        guard let newest = handler.version, message.version > newest else { return nil }
        return "\(message.topic) has version \(message.version), this consumer reads up to version \(newest)"
    }

    /// The handler for a message; throws ``PoisonMessage`` when there is none.
    package func handler(for message: Message) throws(PoisonMessage) -> On<Scope> {
        guard let handler = self.handlers[message.topic] else {
            throw PoisonMessage(reason: "no handler for topic \(message.topic)")
        }
        return handler
    }
}
