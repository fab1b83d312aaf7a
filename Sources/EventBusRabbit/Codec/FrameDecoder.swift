// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Splits a stream of bytes into frames; refuses a frame that is too large before it buffers it.
struct FrameDecoder {
    /// The largest accepted payload, in bytes.
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
        // Payloads that are still in use share the old storage, and a plain write would copy all of it.
        self.buffer.discardReadBytes()
        self.buffer.writeImmutableBuffer(bytes)
    }

    /// The next frame; `nil` if it is not complete yet.
    mutating func next() throws(CodecError) -> Frame? {
        let (type, channel, size, end) = self.buffer.withUnsafeReadableBytes { raw in
            var reader = ByteReader(raw)
            let head = (reader.integer(UInt8.self), reader.integer(UInt16.self), reader.integer(UInt32.self))
            let end = head.2.flatMap { reader.bytes(Int($0)) }.flatMap { _ in reader.integer(UInt8.self) }
            return (head.0, head.1, head.2, end)
        }
        guard let type else { return nil }
        guard let kind = Frame.Kind(rawValue: type) else {
            throw CodecError(.malformedFrame, "frame type \(type)")
        }
        guard let channel, let size else { return nil }
        guard Int(size) <= self.maximumPayload else {
            throw CodecError(.malformedFrame, "frame of \(size) bytes, the limit is \(self.maximumPayload)")
        }
        guard let end else { return nil }
        guard end == Frame.end, let payload = self.buffer.getSlice(at: self.buffer.readerIndex + 7, length: Int(size))
        else {
            throw CodecError(.malformedFrame, "frame of \(size) bytes without its end")
        }
        self.buffer.moveReaderIndex(forwardBy: Int(size) + Frame.overhead)
        return Frame(kind: kind, channel: channel, payload: payload)
    }
}
