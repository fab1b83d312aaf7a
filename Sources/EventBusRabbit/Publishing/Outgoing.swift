// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// A message to send.
enum Outgoing: Sendable {
    /// For the events exchange.
    case event(Message)
    /// For one of a subscription's queues.
    ///
    /// Indirect, so that a copy of the enumeration is one pointer: that is what an event is.
    indirect case copy(OutgoingMessage)

    /// The topic, or the queue.
    var routingKey: String {
        switch self {
        case .event(let message): message.topic.name
        case .copy(let message): message.routingKey
        }
    }

    /// The size of the body in bytes.
    var bodySize: Int {
        switch self {
        case .event(let message): message.body.count
        case .copy(let message): message.body.readableBytes
        }
    }

    /// Writes all frames of the message; writes nothing when it throws.
    func encode(channel: UInt16, maximumFrame: Int, into buffer: inout ByteBuffer) throws(CodecError) {
        switch self {
        case .event(let message):
            try EventEncoder.publish(message, channel: channel, maximumFrame: maximumFrame, into: &buffer)
        case .copy(let message):
            try FrameEncoder.publish(message, channel: channel, maximumFrame: maximumFrame, into: &buffer)
        }
    }

    /// Whether a queue must have stored what the broker confirms.
    ///
    /// It also confirms an event that needs no subscriber, and has none.
    var needsQueue: Bool {
        switch self {
        case .event(let message): message.requiresSubscriber
        case .copy: true
        }
    }
}
