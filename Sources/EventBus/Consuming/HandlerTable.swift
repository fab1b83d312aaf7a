// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The handlers of one consumer by topic.
package struct HandlerTable<Scope: ~Copyable>: Sendable {
    private let handlers: [Topic: On<Scope>]

    /// The topics in the order in which their handlers were given.
    package let topics: [Topic]

    /// A topic that has two handlers, which is a mistake in the program.
    package let ambiguousTopic: Topic?

    package init(_ handlers: [On<Scope>]) {
        self.handlers = Dictionary(handlers.map { ($0.topic, $0) }) { first, _ in first }
        self.topics = handlers.map(\.topic)
        self.ambiguousTopic = handlers.map(\.topic).first { topic in handlers.count { $0.topic == topic } > 1 }
    }

    /// The handler for a message; throws ``PoisonMessage`` when there is none.
    package func handler(for message: Message) throws(PoisonMessage) -> On<Scope> {
        guard let handler = self.handlers[message.topic] else {
            throw PoisonMessage(reason: "no handler for topic \(message.topic)")
        }
        return handler
    }
}
