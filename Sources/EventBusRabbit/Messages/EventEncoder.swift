// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Writes events as frames for the events exchange, directly from the message and in one pass.
///
/// ``FrameEncoder`` writes the same bytes for an ``OutgoingMessage``, but building one for each event would cost several times as
/// much as sending the event.
enum EventEncoder {
    private static let specVersion = "1.0"

    /// Writes all frames of an event that has passed `Message.validate()`; writes nothing when it throws.
    static func publish(
        _ message: Message,
        channel: UInt16,
        maximumFrame: Int,
        into buffer: inout ByteBuffer
    ) throws(CodecError) {
        let time = EventCoding.text(of: message.time)
        let others = Self.encoded(message.headers)
        let start = buffer.writerIndex
        let frames = message.body.count / (maximumFrame - Frame.overhead) + 1
        let room = Self.room(message, time, others) + message.body.count + frames * Frame.overhead
        var headerFrame = 0
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { raw in
            var writer = ByteWriter(raw)
            Self.writeMethod(message, channel, &writer)
            let start = writer.count
            Self.writeHeader(message, time, others, channel, &writer)
            headerFrame = writer.count - start
            Self.writeBody(message, channel, maximumFrame, &writer)
            return writer.count
        }
        // A content header must fit into one frame.
        guard headerFrame <= maximumFrame else {
            buffer.moveWriterIndex(to: start)
            throw CodecError(.tooLarge, "headers of \(headerFrame) bytes")
        }
    }

    /// An upper bound for the size of method and header frame, in bytes.
    private static func room(_ message: Message, _ time: String, _ others: ByteBuffer?) -> Int {
        // Header names, lengths, numbers and frame ends take less than 400 bytes.
        let twice = message.id.utf8.count + message.type.utf8.count + message.source.utf8.count
        let once = message.topic.name.utf8.count + message.contentType.utf8.count + time.utf8.count
        return 512 + 2 * twice + once + (message.orderingKey?.utf8.count ?? 0) + (others?.readableBytes ?? 0)
    }

    private static func encoded(_ headers: [String: HeaderValue]) -> ByteBuffer? {
        guard !headers.isEmpty else { return nil }
        var buffer = ByteBuffer()
        for (name, value) in headers { buffer.writeField(name, value) }
        return buffer
    }

    private static func writeMethod(_ message: Message, _ channel: UInt16, _ writer: inout ByteWriter) {
        writer.frame(.method, channel) { writer in
            // Class, method, reserved; then exchange, routing key, mandatory (AMQP 0-9-1 §1.8.3.7).
            writer.integer(UInt16(60))
            writer.integer(UInt16(40))
            writer.integer(UInt16(0))
            writer.shortString(Topology.exchange)
            writer.shortString(message.topic.name)
            writer.integer(UInt8(message.requiresSubscriber ? 1 : 0))
        }
    }

    private static func writeBody(
        _ message: Message,
        _ channel: UInt16,
        _ maximumFrame: Int,
        _ writer: inout ByteWriter
    ) {
        message.body.withUnsafeBytes { body in
            var rest = body[...]
            while !rest.isEmpty {
                let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(maximumFrame - Frame.overhead))
                writer.frame(.body, channel) { $0.bytes(piece) }
                rest = rest.dropFirst(piece.count)
            }
        }
    }

    private static func writeHeader(
        _ message: Message,
        _ time: String,
        _ others: ByteBuffer?,
        _ channel: UInt16,
        _ writer: inout ByteWriter
    ) {
        let hasSource = !message.source.isEmpty
        writer.frame(.header, channel) { writer in
            writer.integer(UInt16(60))
            writer.integer(UInt16(0))
            writer.integer(UInt64(message.body.count))
            writer.integer(PropertyCodec.flagsOfEvents(hasSource: hasSource))
            writer.shortString(message.contentType)
            writer.sized { writer in
                writer.field(.specVersion, Self.specVersion)
                writer.field(.id, message.id)
                writer.field(.type, message.type)
                writer.field(.source, message.source)
                writer.field(.time, time)
                // The first version is what a message without the header has.
                if message.version != 1 { writer.field(.version, Int64(message.version)) }
                if let key = message.orderingKey {
                    writer.field(.orderingKey, key)
                    writer.field(.orderingBucket, OrderingBucket.text(of: key))
                }
                if let others { writer.bytes(others) }
            }
            writer.integer(Properties.persistent)
            writer.shortString(message.id)
            writer.integer(UInt64(seconds: message.time))
            writer.shortString(message.type)
            if hasSource { writer.shortString(message.source) }
        }
    }
}
