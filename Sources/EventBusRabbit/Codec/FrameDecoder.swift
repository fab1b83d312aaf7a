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

    /// Whether no part of a frame waits for its rest.
    var isEmpty: Bool { self.buffer.readableBytes == 0 }

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
        guard self.buffer.readableBytes > 0 else { return nil }
        let (type, channel, size, end) = self.buffer.withUnsafeReadableBytes {
            raw -> (UInt8, UInt16?, UInt32, UInt8?) in
            var reader = ByteReader(raw)
            guard let type = reader.integer(UInt8.self), let channel = reader.integer(UInt16.self),
                let size = reader.integer(UInt32.self)
            else { return (raw[0], nil, 0, nil) }
            let end = reader.position + Int(size)
            return (type, channel, size, end < raw.count ? raw[end] : nil)
        }
        guard let kind = Frame.Kind(rawValue: type) else {
            throw CodecError(.malformedFrame, type == TLSHint.alert ? TLSHint.missing : "frame type \(type)")
        }
        guard let channel else { return nil }
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
