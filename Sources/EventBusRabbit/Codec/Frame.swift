// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// A unit of the AMQP protocol (AMQP 0-9-1 §4.2.3).
struct Frame: Hashable {
    enum Kind: UInt8 {
        case method = 1
        case header = 2
        case body = 3
        case heartbeat = 8
    }

    /// The size of what surrounds the payload, in bytes: type, channel and size before it, the frame-end byte after it.
    static let overhead = 8
    static let end: UInt8 = 0xCE
    /// The frame size that every peer accepts before sizes are negotiated (AMQP 0-9-1 §4.2.3, `frame-min-size`).
    static let minimumSize = 4096

    let kind: Kind
    let channel: UInt16
    let payload: ByteBuffer
}
