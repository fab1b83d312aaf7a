// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Something that has happened, in a form that other modules and other programs can read.
///
/// An event travels as plain JSON (``Message``); the type here is one module's view of it. A consumer declares the part
/// that it reads, fields that it does not know are ignored.
///
/// ```swift
/// struct UserCreated: Event {
///     static let topic: Topic = "user.created"
///     let userID: Identifier
/// }
/// ```
public protocol Event: Codable, Sendable {
    /// Where the event is published and heard, for example `user.created`.
    static var topic: Topic { get }

    /// The version of the format; rises only for a change that old readers cannot read. The default is 1.
    ///
    /// A consumer dead-letters an event whose version is higher than the one it declares.
    static var version: Int { get }

    /// The context in which the event happens (CloudEvents `source`, a URI reference).
    ///
    /// The default is a slash and the topic's first word.
    static var source: String { get }

    /// Whether publishing fails while no subscription is bound that matches the topic. The default is `true`.
    ///
    /// With the outbox such an event waits until somebody subscribes. `false` says that nobody has to listen.
    static var requiresSubscriber: Bool { get }

    /// Events with the same key are handled in order by subscriptions with ``Ordering/perKey``. The default is `nil`.
    ///
    /// Typically the id of the thing that the event is about. At most 255 bytes of UTF-8.
    var orderingKey: String? { get }
}

extension Event {
    /// 1.
    public static var version: Int { 1 }

    /// A slash and the first word of the topic.
    public static var source: String { "/" + Self.topic.firstWord }

    /// `true`: an event that nobody would hear is not accepted.
    public static var requiresSubscriber: Bool { true }

    /// `nil`: no order is asked for.
    public var orderingKey: String? { nil }
}
