// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

@testable import EventBusRabbit

extension IncomingMessage {
    /// A message as a broker might deliver it.
    init(
        tag: UInt64,
        redelivered: Bool,
        exchange: String,
        routingKey: String,
        properties: Properties,
        headers: HeaderTable,
        body: ByteBuffer
    ) {
        let method = ServerMethod.basicDeliver(
            tag: tag,
            redelivered: redelivered,
            exchange: exchange,
            routingKey: routingKey
        )
        self.init(ContentAssembler.Content(method: method, properties: properties, headers: headers, body: body))!
    }

    var failures: Failures { self.delivery(1).failures }
}
