// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// A message to send.
enum Outgoing: Sendable {
    /// For the events exchange.
    case event(Message)
    /// For one of a subscription's queues.
    case copy(OutgoingMessage)

    /// By what the message is recognized if it comes back; `nil` if it is not mandatory and cannot.
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
