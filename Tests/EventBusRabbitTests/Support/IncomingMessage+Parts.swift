// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

extension IncomingMessage {
    /// A message as a broker might deliver it.
    static func delivered(
        tag: UInt64,
        redelivered: Bool,
        exchange: String,
        routingKey: String,
        properties: Properties,
        headers: HeaderTable,
        body: ByteBuffer
    ) throws -> IncomingMessage {
        let method = ServerMethod.basicDeliver(
            tag: tag,
            redelivered: redelivered,
            exchange: exchange,
            routingKey: routingKey
        )
        var header = ByteBuffer()
        try PropertyCodec.encode(properties, headers, bodySize: body.readableBytes, into: &header)
        return try #require(IncomingMessage(method, header: header, try PropertyCodec.places(in: header), body: body))
    }

    var failures: Failures { self.delivery(1).failures }
}
