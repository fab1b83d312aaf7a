// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// A message to send.
enum Outgoing: Sendable {
    /// For the events exchange.
    case event(Message)
    /// For one of a subscription's queues.
    case copy(OutgoingMessage)

    var id: String? {
        switch self {
        case .event(let message): message.id
        case .copy(let message): message.properties.messageID
        }
    }
}
