// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

@testable import EventBusRabbit

extension OutgoingMessage {
    /// An event's frames as the wire contract has them, put together the plain way: what ``EventEncoder`` has to equal.
    init(_ message: Message) {
        var headers = HeaderTable()
        headers.append(HeaderName.specVersion, .string("1.0"))
        headers.append(HeaderName.id, .string(message.id))
        headers.append(HeaderName.type, .string(message.type))
        headers.append(HeaderName.source, .string(message.source))
        headers.append(HeaderName.time, .string(EventCoding.text(of: message.time)))
        headers.append(HeaderName.version, .int(Int64(message.version)))
        if let key = message.orderingKey { headers.append(HeaderName.orderingKey, .string(key)) }
        for (name, value) in message.headers { headers.append(name, FieldValue(value)) }
        var properties = Properties()
        properties.messageID = message.id
        properties.type = message.type
        properties.contentType = message.contentType
        properties.deliveryMode = Properties.persistent
        properties.timestamp = UInt64(seconds: message.time)
        properties.appID = message.source.isEmpty ? nil : message.source
        self.init(
            exchange: Topology.exchange,
            routingKey: message.topic.name,
            mandatory: message.requiresSubscriber,
            properties: properties,
            headers: headers,
            body: ByteBuffer(bytes: message.body)
        )
    }
}
