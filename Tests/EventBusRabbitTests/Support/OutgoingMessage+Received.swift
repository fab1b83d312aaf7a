// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

@testable import EventBusRabbit

extension OutgoingMessage {
    /// A copy as it is received from its queue.
    func received() throws -> ReceivedMessage {
        ReceivedMessage(
            try IncomingMessage.delivered(
                tag: 2,
                redelivered: false,
                exchange: self.exchange,
                routingKey: self.routingKey,
                properties: self.properties,
                headers: self.headers,
                body: self.body
            )
        )
    }
}
