// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Why a consumer has no handler for a message.
package enum Misfit: Sendable, Hashable {
    /// Its topic, or the version of its topic, is unknown.
    case unknown(reason: String)
    /// The program does not handle its topic any more.
    case removed
}

/// The handlers of one consumer by topic.
package struct HandlerTable<Scope: ~Copyable>: Sendable {
    private let handlers: [Topic: On<Scope>]

    /// The topics with a handler, in the order in which these were given.
    package let topics: [Topic]

    /// The topics whose handlers were removed.
    package let removedTopics: [Topic]

    /// Creates a table; two handlers for one topic are a programming error.
    package init(_ handlers: [On<Scope>], of consumer: SubscriptionName) {
        self.topics = handlers.filter { !$0.isRemoved }.map { $0.topic }
        self.removedTopics = handlers.filter(\.isRemoved).map { $0.topic }
        self.handlers = Dictionary(handlers.map { ($0.topic, $0) }) { first, _ in
            fatalError("consumer \(consumer) has two handlers for topic \(first.topic); a topic has one")
        }
    }

    /// Why there is no handler for a message; `nil` if there is one.
    package func misfit(of message: Message) -> Misfit? {
        guard let handler = self.handlers[message.topic] else {
            return .unknown(reason: "no handler for topic \(message.topic)")
        }
        if handler.isRemoved { return .removed }
        guard let newest = handler.version, message.version > newest else { return nil }
        return .unknown(
            reason: "\(message.topic) has version \(message.version), this consumer reads up to version \(newest)"
        )
    }

    /// The handler for a message; throws ``PoisonMessage`` when there is none.
    package func handler(for message: Message) throws(PoisonMessage) -> On<Scope> {
        guard let handler = self.handlers[message.topic] else {
            throw PoisonMessage(reason: "no handler for topic \(message.topic)")
        }
        return handler
    }
}
