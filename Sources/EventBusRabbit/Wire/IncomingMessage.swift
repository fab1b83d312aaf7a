// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// A message as it came from the broker.
struct IncomingMessage: Sendable {
    let tag: UInt64
    let redelivered: Bool
    let exchange: String
    let routingKey: String
    let properties: Properties
    let headers: HeaderTable
    let body: ByteBuffer
}
