// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// What travels over a bus: an event's JSON and what has to be known to route, order and recognise it.
///
/// Copies share one storage until one of them is changed, so that a message can be handed on and kept at no cost.
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

    /// Never changed, so that it can be shared.
    private final class Storage: Sendable {
        let fields: Fields

        init(_ fields: Fields) { self.fields = fields }
    }

    private var storage: Storage

    /// Identifies the event for ever, also in its redeliveries and copies; at most 255 bytes of UTF-8.
    ///
    /// Events published by this package have a UUIDv7 in lower case; other programs may use what they like.
    public var id: String {
        get { self.storage.fields.id }
        set { self.change { $0.id = newValue } }
    }

    /// The routing key.
    public var topic: Topic {
        get { self.storage.fields.topic }
        set { self.change { $0.topic = newValue } }
    }

    /// The kind of event; equal to the topic for events published by this package.
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

    /// Messages with the same key are kept in order by subscriptions with ``Ordering/perKey``.
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

    /// Everything else that producers want to say, for example W3C `traceparent`.
    ///
    /// Names are at most 255 bytes of UTF-8. The names of the wire contract (`cloudEvents_…`, `x-attempt` and so on) are
    /// reserved: they carry the other fields of this type.
    public var headers: [String: HeaderValue] {
        get { self.storage.fields.headers }
        set { self.change { $0.headers = newValue } }
    }

    /// The event itself, in the format that `contentType` names.
    public var body: [UInt8] {
        get { self.storage.fields.body }
        set { self.change { $0.body = newValue } }
    }

    /// Makes a message of its parts.
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

    /// Whether all parts are equal.
    public static func == (left: Message, right: Message) -> Bool {
        left.storage === right.storage || left.storage.fields == right.storage.fields
    }

    /// Feeds all parts to a hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.storage.fields)
    }
}
