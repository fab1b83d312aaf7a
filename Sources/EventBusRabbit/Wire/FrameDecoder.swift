// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Cuts a stream of bytes into frames; never buffers more than one frame that it would refuse.
struct FrameDecoder {
    /// The largest payload that is accepted, in bytes.
    var maximumPayload: Int
    private var buffer = ByteBuffer()

    init(maximumFrame: Int = Frame.minimumSize) {
        self.maximumPayload = maximumFrame - Frame.overhead
    }

    mutating func append(_ bytes: ByteBuffer) {
        guard self.buffer.readableBytes > 0 else {
            self.buffer = bytes
            return
        }
        // Payloads that are still in use share the old storage, so a plain write would copy all of it.
        self.buffer.discardReadBytes()
        self.buffer.writeImmutableBuffer(bytes)
    }

    /// The next frame; `nil` when it is not complete yet.
    mutating func next() throws(WireError) -> Frame? {
        let start = self.buffer.readerIndex
        guard let type = self.buffer.getInteger(at: start, as: UInt8.self) else { return nil }
        guard let kind = Frame.Kind(rawValue: type) else {
            throw WireError(.malformedFrame, "frame type \(type)")
        }
        guard let channel = self.buffer.getInteger(at: start + 1, as: UInt16.self),
            let size = self.buffer.getInteger(at: start + 3, as: UInt32.self)
        else { return nil }
        guard Int(size) <= self.maximumPayload else {
            throw WireError(.malformedFrame, "frame of \(size) bytes, the limit is \(self.maximumPayload)")
        }
        guard self.buffer.readableBytes >= Int(size) + Frame.overhead else { return nil }
        guard let payload = self.buffer.getSlice(at: start + 7, length: Int(size)),
            self.buffer.getInteger(at: start + 7 + Int(size), as: UInt8.self) == Frame.end
        else {
            throw WireError(.malformedFrame, "frame of \(size) bytes without its end")
        }
        self.buffer.moveReaderIndex(forwardBy: Int(size) + Frame.overhead)
        return Frame(kind: kind, channel: channel, payload: payload)
    }
}
