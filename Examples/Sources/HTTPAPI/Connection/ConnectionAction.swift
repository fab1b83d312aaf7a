// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// What ``ConnectionState`` wants to be done.
enum ConnectionAction {
    /// Hand a request to the API.
    case serve(RequestHead)
    /// Give the API the body, or of one that is too large so much that this can be seen.
    case give(ByteBuffer)
    /// Say `100 Continue`.
    case askForBody
    /// Cancel the work for a client that is gone.
    case drop
    /// Answer with a problem instead of the API.
    case refuse(Problem)
    /// Flush what has been written, then call ``ConnectionState/flushed(at:)``.
    case finish
    /// Say that nothing more is written.
    case closeOutput
    case close
}
