// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

@testable import EventBusRabbit

extension OutgoingMessage {
    /// An event as the wire contract defines it, built field by field, to compare ``EventEncoder`` with.
    init(_ message: Message) {
        var headers = HeaderTable()
        headers.set(.specVersion, .string("1.0"))
        headers.set(.id, .string(message.id))
        headers.set(.type, .string(message.type))
        headers.set(.source, .string(message.source))
        headers.set(.time, .string(EventCoding.text(of: message.time)))
        if message.version != 1 { headers.set(.version, .int(Int64(message.version))) }
        if let key = message.orderingKey {
            headers.set(.orderingKey, .string(key))
            headers.set(.orderingBucket, .string(OrderingBucket.text(of: key)))
        }
        for (name, value) in message.headers { headers.append(name, value) }
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
