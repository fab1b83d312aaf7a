// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// What travels over a bus: an event's JSON and what has to be known to route, order and recognise it.
public struct Message: Sendable, Hashable {
    /// Identifies the event for ever, also in its redeliveries and copies; at most 255 bytes of UTF-8.
    ///
    /// Events published by this package have a UUIDv7 in lower case; other programs may use what they like.
    public var id: String
    /// The routing key.
    public var topic: Topic
    /// The kind of event; equal to the topic for events published by this package.
    ///
    /// At most 255 bytes of UTF-8.
    public var type: String
    /// The version of the event's format.
    public var version: Int
    /// The context in which the event happened (CloudEvents `source`).
    ///
    /// At most 255 bytes of UTF-8.
    public var source: String
    /// When the event happened.
    public var time: Date
    /// Messages with the same key are kept in order by subscriptions with ``Ordering/perKey``.
    ///
    /// At most 255 bytes of UTF-8.
    public var orderingKey: String?
    /// Whether publishing fails while no subscription matches the topic.
    public var requiresSubscriber: Bool
    /// The body's media type.
    ///
    /// At most 255 bytes of UTF-8.
    public var contentType: String
    /// Everything else that producers want to say, for example W3C `traceparent`.
    ///
    /// Names are at most 255 bytes of UTF-8. The names of the wire contract (`cloudEvents_…`, `x-attempt` and so on) are
    /// reserved: they carry the other fields of this type.
    public var headers: [String: HeaderValue]
    /// The event itself, in the format that `contentType` names.
    public var body: [UInt8]

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
        self.id = id
        self.topic = topic
        self.type = type ?? topic.name
        self.version = version
        self.source = source
        self.time = time
        self.orderingKey = orderingKey
        self.requiresSubscriber = requiresSubscriber
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }
}
