// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What can be sent.
enum Outgoing: Sendable {
    /// For the exchange of all events.
    case event(Message)
    /// For one of a subscription's own queues.
    case copy(OutgoingMessage)

    var id: String? {
        switch self {
        case .event(let message): message.id
        case .copy(let message): message.properties.messageID
        }
    }
}
