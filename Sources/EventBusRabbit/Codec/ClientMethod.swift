// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The methods that this client sends.
enum ClientMethod: Sendable {
    case connectionStartOk(properties: [(String, HeaderValue)], mechanism: String, response: String)
    case connectionTuneOk(channelMax: UInt16, frameMax: UInt32, heartbeat: UInt16)
    case connectionOpen(virtualHost: String)
    case connectionClose(code: UInt16, text: String)
    case connectionCloseOk

    case channelOpen
    case channelFlowOk(active: Bool)
    case channelClose
    case channelCloseOk

    case exchangeDeclare(name: String, type: String, passive: Bool = false, arguments: [(String, HeaderValue)] = [])
    case exchangeBind(exchange: String, source: String, routingKey: String)
    case exchangeUnbind(exchange: String, source: String, routingKey: String)
    case exchangeDelete(name: String)
    case queueDeclare(name: String, passive: Bool, arguments: [(String, HeaderValue)])
    /// A queue that only this connection can use and that ends with it.
    case exclusiveQueueDeclare(name: String, arguments: [(String, HeaderValue)])
    case queueBind(queue: String, exchange: String, routingKey: String, arguments: [(String, HeaderValue)] = [])
    case queueUnbind(queue: String, exchange: String, routingKey: String)
    case queueDelete(name: String)
    case confirmSelect

    case basicQos(prefetch: UInt16)
    case basicConsume(queue: String, consumerTag: String)
    case basicCancel(consumerTag: String)
    case basicGet(queue: String)
    case basicAck(tag: UInt64, multiple: Bool)
}
