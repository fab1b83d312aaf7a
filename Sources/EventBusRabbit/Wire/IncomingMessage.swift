// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// A message as it came from the broker.
struct IncomingMessage: Sendable {
    let tag: UInt64
    let redelivered: Bool
    let exchange: String
    let routingKey: String
    private let content: ContentAssembler.Content

    var properties: Properties { self.content.properties }
    var headers: HeaderTable { self.content.headers }
    var body: ByteBuffer { self.content.body }
}

extension IncomingMessage {
    /// What has been delivered or fetched; `nil` for a message that was returned.
    init?(_ content: ContentAssembler.Content) {
        switch content.method {
        case .basicDeliver(let tag, let redelivered, let exchange, let routingKey),
            .basicGetOk(let tag, let redelivered, let exchange, let routingKey):
            self.init(
                tag: tag,
                redelivered: redelivered,
                exchange: exchange,
                routingKey: routingKey,
                content: content
            )
        default:
            return nil
        }
    }
}
