// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A message on a bus: the JSON of an event, and what is needed to route, order and recognize it.
///
/// Copies share their storage until one of them is changed, so passing a message on or keeping it is cheap.
public struct Message: Sendable, Hashable {
    private struct Fields: Sendable, Hashable {
        var id: String
        var topic: Topic
        var type: String
        var version: Int
        var source: String
        var time: Date
        var orderingKey: String?
        var requiresSubscriber: Bool
        var contentType: String
        var headers: [String: HeaderValue]
        var body: [UInt8]
    }

    /// Immutable, so that copies of a message can share it.
    private final class Storage: Sendable {
        let fields: Fields

        init(_ fields: Fields) { self.fields = fields }
    }

    private var storage: Storage

    /// Identifies the event permanently, including in redeliveries and copies.
    ///
    /// At most 255 bytes of UTF-8. Events published by this package have a lower-case UUIDv7; other programs can use any text.
    public var id: String {
        get { self.storage.fields.id }
        set { self.change { $0.id = newValue } }
    }

    /// The topic, which is the routing key on RabbitMQ.
    public var topic: Topic {
        get { self.storage.fields.topic }
        set { self.change { $0.topic = newValue } }
    }

    /// The type of the event, which equals the topic for events published by this package.
    ///
    /// At most 255 bytes of UTF-8.
    public var type: String {
        get { self.storage.fields.type }
        set { self.change { $0.type = newValue } }
    }

    /// The version of the event's format.
    public var version: Int {
        get { self.storage.fields.version }
        set { self.change { $0.version = newValue } }
    }

    /// The context in which the event happened (CloudEvents `source`).
    ///
    /// At most 255 bytes of UTF-8.
    public var source: String {
        get { self.storage.fields.source }
        set { self.change { $0.source = newValue } }
    }

    /// When the event happened.
    public var time: Date {
        get { self.storage.fields.time }
        set { self.change { $0.time = newValue } }
    }

    /// Subscriptions with ``Ordering/perKey`` handle messages with the same key in order.
    ///
    /// At most 255 bytes of UTF-8.
    public var orderingKey: String? {
        get { self.storage.fields.orderingKey }
        set { self.change { $0.orderingKey = newValue } }
    }

    /// Whether publishing fails while no subscription matches the topic.
    public var requiresSubscriber: Bool {
        get { self.storage.fields.requiresSubscriber }
        set { self.change { $0.requiresSubscriber = newValue } }
    }

    /// The body's media type.
    ///
    /// At most 255 bytes of UTF-8.
    public var contentType: String {
        get { self.storage.fields.contentType }
        set { self.change { $0.contentType = newValue } }
    }

    /// Additional metadata from the producer, for example the W3C `traceparent`.
    ///
    /// Names have at most 255 bytes of UTF-8. The names of the wire contract (`cloudEvents_…`, `cloudEvents:…`, `x-attempt` and so
    /// on) are reserved because they carry the other properties of a message.
    public var headers: [String: HeaderValue] {
        get { self.storage.fields.headers }
        set { self.change { $0.headers = newValue } }
    }

    /// The encoded event, in the format that ``contentType`` names.
    public var body: [UInt8] {
        get { self.storage.fields.body }
        set { self.change { $0.body = newValue } }
    }

    /// Creates a message from its parts.
    public init(
        id: String,
        topic: Topic,
        type: String? = nil,
        version: Int = 1,
        source: String = "",
        time: Date,
        orderingKey: String? = nil,
        requiresSubscriber: Bool = true,
        contentType: String = "application/json",
        headers: [String: HeaderValue] = [:],
        body: [UInt8]
    ) {
        self.storage = Storage(
            Fields(
                id: id,
                topic: topic,
                type: type ?? topic.name,
                version: version,
                source: source,
                time: time,
                orderingKey: orderingKey,
                requiresSubscriber: requiresSubscriber,
                contentType: contentType,
                headers: headers,
                body: body
            )
        )
    }

    private mutating func change(_ body: (inout Fields) -> Void) {
        var fields = self.storage.fields
        body(&fields)
        self.storage = Storage(fields)
    }

    /// Returns whether all parts are equal.
    public static func == (left: Message, right: Message) -> Bool {
        left.storage === right.storage || left.storage.fields == right.storage.fields
    }

    /// Feeds all parts into a hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.storage.fields)
    }
}
