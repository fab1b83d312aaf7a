// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Why a connection or a channel has ended, or could not be opened.
struct ConnectionFailure: Error, Hashable, CustomStringConvertible {
    enum Code: Hashable {
        /// No connection could be made: name, network or TLS.
        case unreachable
        /// The broker closed the connection, with a reply code (AMQP 0-9-1 §1.3).
        case closedByBroker(UInt16)
        /// The broker closed one channel, with a reply code.
        case channelClosed(UInt16)
        /// The broker cancelled the consumer, for example because its queue was deleted.
        case cancelled
        /// The broker delivered to the consumer, and does not any more.
        case standstill
        /// The connection broke without a close message.
        case lost
        /// Nothing arrived for two heartbeats, or an answer did not arrive in time.
        case silent
        /// The peer violates the AMQP protocol.
        case malformed
        /// This side closed it.
        case closed
    }

    let code: Code
    let text: String

    init(_ code: Code, _ text: String) {
        self.code = code
        self.text = text
    }

    var description: String { self.text }

    /// Whether the host may be the cause, so that others are better; a queue that is wrong is so on all of them.
    var blamesHost: Bool {
        switch self.code {
        // 541 ends the connection of whoever wants to consume from a queue that has no leader yet.
        case .closed, .cancelled, .closedByBroker(541): false
        default: true
        }
    }

    /// The failure as users of the bus see it.
    func busError(_ code: BusError.Code) -> BusError {
        BusError(code, "RabbitMQ: \(self.text)", cause: self)
    }
}

extension BusError {
    static let shutDown = BusError(.closed, "RabbitMQ: the bus has been shut down")
}
