// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// By what a message that comes back is recognized: producers may use an id twice, and an event has copies for several queues.
struct ReturnKey: Hashable {
    let messageID: String?
    let exchange: String
    let routingKey: String
}

extension Outgoing {
    /// `nil` if the message is not mandatory, and so cannot come back.
    var returnKey: ReturnKey? {
        switch self {
        case .event(let message):
            guard message.requiresSubscriber else { return nil }
            return ReturnKey(messageID: message.id, exchange: Topology.exchange, routingKey: message.topic.name)
        case .copy(let message):
            guard message.mandatory else { return nil }
            return ReturnKey(
                messageID: message.properties.messageID,
                exchange: message.exchange,
                routingKey: message.routingKey
            )
        }
    }
}
