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

    /// The failure as users of the bus see it.
    func busError(_ code: BusError.Code) -> BusError {
        BusError(code, "RabbitMQ: \(self.text)", cause: self)
    }
}

extension BusError {
    static let shutDown = BusError(.closed, "RabbitMQ: the bus has been shut down")
}
