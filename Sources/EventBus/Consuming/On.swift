// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What to do on an event of one type: the handler of an ``EventConsumer``.
///
/// A return says that the event is handled, a throw that it is to be tried again. `Scope` is what the handler gets beside
/// the event: nothing (`Void`), or a transaction in the form that the product `EventBusPersistence` adds.
public struct On<Scope: ~Copyable>: Sendable {
    package let topic: Topic
    /// The newest version of the event that the handler can read; `nil` for any.
    package let version: Int?
    /// Whether the topic is not handled any more.
    package let isRemoved: Bool
    package let run: @Sendable (Message, borrowing Scope) async throws -> Void
    /// Whether an error means that what the event asks for is there already.
    package let isDone: @Sendable (any Error) -> Bool

    package init(
        topic: Topic,
        version: Int? = nil,
        isRemoved: Bool = false,
        isDone: @escaping @Sendable (any Error) -> Bool = { _ in false },
        run: @escaping @Sendable (Message, borrowing Scope) async throws -> Void
    ) {
        self.topic = topic
        self.version = version
        self.isRemoved = isRemoved
        self.isDone = isDone
        self.run = run
    }
}

extension On where Scope: ~Copyable {
    /// Takes the place of a handler that was removed: unbinds the topic, and discards its events that still arrive.
    ///
    /// The topic is unbound whenever the consumer opens the subscription. Without this, the subscription still receives the events
    /// of the topic, which then count as unknown; see ``UnknownEvents``. Remove the line once no instance of the old program runs,
    /// the subscription holds none of these events, retries included, and the consumer has started once more since then. A
    /// consumer needs at least one other handler.
    public static func removed(_ topic: Topic) -> On {
        On(topic: topic, isRemoved: true) { _, _ in }
    }
}

extension On where Scope == Void {
    /// Handles events of a type.
    ///
    /// Deliveries can repeat, so effects must be idempotent; use ``Message/identity`` as the key.
    public init<E: Event>(
        _ type: E.Type,
        _ handler: @escaping @Sendable (_ event: E, _ message: Message) async throws -> Void
    ) {
        self.init(topic: E.topic, version: E.version) { message, _ in
            try await handler(try message.decodeOrPoison(E.self), message)
        }
    }

    /// Handles events of a type.
    ///
    /// Deliveries can repeat: effects have to be idempotent.
    public init<E: Event>(_ type: E.Type, _ handler: @escaping @Sendable (_ event: E) async throws -> Void) {
        self.init(type) { event, _ in try await handler(event) }
    }
}

/// Lets an ``EventConsumer`` list its handlers one below the other.
@resultBuilder
public enum OnBuilder<Scope: ~Copyable> {
    /// One handler; lets the compiler infer `Scope` for ``On/removed(_:)``.
    public static func buildExpression(_ handler: On<Scope>) -> On<Scope> { handler }

    /// The handlers as a list.
    public static func buildBlock(_ handlers: On<Scope>...) -> [On<Scope>] { handlers }
}

/// A message that no number of attempts can handle.
package struct PoisonMessage: Error {
    package let reason: String
}

extension Message {
    /// Decodes the event; a message that cannot be decoded is poison.
    package func decodeOrPoison<E: Event>(_ type: E.Type) throws(PoisonMessage) -> E {
        do {
            return try self.decode(E.self)
        } catch {
            throw PoisonMessage(reason: error.message)
        }
    }
}
