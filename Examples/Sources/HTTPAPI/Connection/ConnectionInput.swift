// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// What ``ConnectionState`` learns of what has been read.
enum ConnectionInput {
    /// Bytes arrived, and the parser sees the last visible one of them next.
    case bytes(Int)
    case head(RequestHead)
    case body(ByteBuffer)
    case end
    /// The parser or ``RequestHead`` has given up.
    case malformed(Problem)
}
