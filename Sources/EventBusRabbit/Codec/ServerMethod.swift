// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The methods that a broker can send; all others are a protocol error.
enum ServerMethod: Hashable, Sendable {
    /// The version is the broker's, if it has told.
    case connectionStart(mechanisms: String, version: String? = nil)
    case connectionTune(channelMax: UInt16, frameMax: UInt32, heartbeat: UInt16)
    case connectionOpenOk
    case connectionClose(code: UInt16, text: String)
    case connectionCloseOk
    case connectionBlocked(reason: String)
    case connectionUnblocked

    case channelOpenOk
    case channelFlow(active: Bool)
    case channelClose(code: UInt16, text: String)
    case channelCloseOk

    case exchangeDeclareOk
    case exchangeBindOk
    case exchangeUnbindOk
    case exchangeDeleteOk
    case queueDeclareOk(messages: UInt32, consumers: UInt32)
    case queueBindOk
    case queueUnbindOk
    case queueDeleteOk
    case confirmSelectOk

    case basicQosOk
    case basicConsumeOk
    case basicCancel
    case basicCancelOk
    case basicDeliver(tag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
    case basicGetOk(tag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
    case basicGetEmpty
    // Rare and large: by reference, so that the others stay small.
    indirect case basicReturn(code: UInt16, text: String, exchange: String, routingKey: String)
    case basicAck(tag: UInt64, multiple: Bool)
    case basicNack(tag: UInt64, multiple: Bool)

    /// Whether a content header and a body follow.
    var hasContent: Bool {
        switch self {
        case .basicDeliver, .basicGetOk, .basicReturn: true
        default: false
        }
    }
}
