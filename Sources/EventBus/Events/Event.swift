// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Something that has happened, in a form that other modules and programs can read.
///
/// An event is sent as plain JSON in a ``Message``; the Swift type is one module's view of it. A consumer declares only the
/// fields that it reads; unknown fields are ignored.
///
/// ```swift
/// struct UserCreated: Event {
///     static let topic: Topic = "user.created"
///     let userID: Identifier
/// }
/// ```
public protocol Event: Codable, Sendable {
    /// The topic to which the event is published, for example `user.created`.
    static var topic: Topic { get }

    /// The version of the format, to be increased only for changes that existing readers cannot read. The default is 1.
    ///
    /// A consumer that declares a lower version treats the event as unknown; see ``UnknownEvents``. A consumer that declares a higher
    /// version decodes it with its own type, which must therefore still read the bodies of older versions.
    static var version: Int { get }

    /// The context in which the event happens (CloudEvents `source`, a URI reference).
    ///
    /// The default is a slash followed by the first word of the topic.
    static var source: String { get }

    /// Whether publishing fails while no subscription matches the topic. The default is `true`.
    ///
    /// In an outbox, such an event waits until there is a matching subscription. Return `false` for events that need no
    /// subscriber.
    static var requiresSubscriber: Bool { get }

    /// Subscriptions with ``Ordering/perKey`` handle events with the same key in order. The default is `nil`.
    ///
    /// Typically the id of the entity that the event is about. At most 255 bytes of UTF-8.
    var orderingKey: String? { get }
}

extension Event {
    /// Version 1.
    public static var version: Int { 1 }

    /// A slash followed by the first word of the topic.
    public static var source: String { "/" + Self.topic.firstWord }

    /// `true`: publishing fails while no subscription matches the topic.
    public static var requiresSubscriber: Bool { true }

    /// `nil`: the event has no order relative to others.
    public var orderingKey: String? { nil }
}
