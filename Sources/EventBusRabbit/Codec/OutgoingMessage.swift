// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// A message to write to a channel.
struct OutgoingMessage: Sendable {
    var exchange: String
    var routingKey: String
    var mandatory: Bool
    var properties: Properties
    var headers: HeaderTable
    var body: ByteBuffer
}
