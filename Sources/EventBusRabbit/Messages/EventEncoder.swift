// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Writes events as frames for the exchange of all events, straight from the message, in one pass.
///
/// ``FrameEncoder`` writes the same bytes for an ``OutgoingMessage``; putting one together for each event would cost several
/// times as much as the event's way to the socket.
enum EventEncoder {
    private static let specVersion = "1.0"

    /// Writes all frames of an event for which ``EventBus/Message/validate()`` has passed; writes nothing when it throws.
    static func publish(
        _ message: Message,
        channel: UInt16,
        maximumFrame: Int,
        into buffer: inout ByteBuffer
    ) throws(WireError) {
        let time = EventCoding.text(of: message.time)
        let others = Self.encoded(message.headers)
        let start = buffer.writerIndex
        let frames = message.body.count / (maximumFrame - Frame.overhead) + 1
        let room = Self.room(message, time, others) + message.body.count + frames * Frame.overhead
        var headerFrame = 0
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { raw in
            var cursor = WireCursor(raw)
            Self.writeMethod(message, channel, &cursor)
            let start = cursor.count
            Self.writeHeader(message, time, others, channel, &cursor)
            headerFrame = cursor.count - start
            Self.writeBody(message, channel, maximumFrame, &cursor)
            return cursor.count
        }
        // A content header is never split over frames.
        guard headerFrame <= maximumFrame else {
            buffer.moveWriterIndex(to: start)
            throw WireError(.tooLarge, "headers of \(headerFrame) bytes")
        }
    }

    /// At least as many bytes as method and header frame take.
    private static func room(_ message: Message, _ time: String, _ others: ByteBuffer?) -> Int {
        // Names, lengths, numbers and the ends of frames are less than 400 bytes.
        let twice = message.id.utf8.count + message.type.utf8.count + message.source.utf8.count
        let once = message.topic.name.utf8.count + message.contentType.utf8.count + time.utf8.count
        return 512 + 2 * twice + once + (message.orderingKey?.utf8.count ?? 0) + (others?.readableBytes ?? 0)
    }

    private static func encoded(_ headers: [String: HeaderValue]) -> ByteBuffer? {
        guard !headers.isEmpty else { return nil }
        var buffer = ByteBuffer()
        for (name, value) in headers { buffer.writeField(name, FieldValue(value)) }
        return buffer
    }

    private static func writeMethod(_ message: Message, _ channel: UInt16, _ cursor: inout WireCursor) {
        cursor.frame(.method, channel) { cursor in
            // Class, method, reserved; then exchange, routing key, mandatory (AMQP 0-9-1 §1.8.3.7).
            cursor.integer(UInt16(60))
            cursor.integer(UInt16(40))
            cursor.integer(UInt16(0))
            cursor.shortString(Topology.exchange)
            cursor.shortString(message.topic.name)
            cursor.integer(UInt8(message.requiresSubscriber ? 1 : 0))
        }
    }

    private static func writeBody(
        _ message: Message,
        _ channel: UInt16,
        _ maximumFrame: Int,
        _ cursor: inout WireCursor
    ) {
        message.body.withUnsafeBytes { body in
            var rest = body[...]
            while !rest.isEmpty {
                let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(maximumFrame - Frame.overhead))
                cursor.frame(.body, channel) { $0.bytes(piece) }
                rest = rest.dropFirst(piece.count)
            }
        }
    }

    private static func writeHeader(
        _ message: Message,
        _ time: String,
        _ others: ByteBuffer?,
        _ channel: UInt16,
        _ cursor: inout WireCursor
    ) {
        let hasSource = !message.source.isEmpty
        cursor.frame(.header, channel) { cursor in
            cursor.integer(UInt16(60))
            cursor.integer(UInt16(0))
            cursor.integer(UInt64(message.body.count))
            cursor.integer(PropertyCodec.flagsOfEvents(hasSource: hasSource))
            cursor.shortString(message.contentType)
            cursor.sized { cursor in
                cursor.field("cloudEvents_specversion", Self.specVersion)
                cursor.field("cloudEvents_id", message.id)
                cursor.field("cloudEvents_type", message.type)
                cursor.field("cloudEvents_source", message.source)
                cursor.field("cloudEvents_time", time)
                cursor.field("x-event-version", Int64(message.version))
                if let key = message.orderingKey { cursor.field("x-ordering-key", key) }
                if let others { cursor.bytes(others) }
            }
            cursor.integer(Properties.persistent)
            cursor.shortString(message.id)
            cursor.integer(UInt64(seconds: message.time))
            cursor.shortString(message.type)
            if hasSource { cursor.shortString(message.source) }
        }
    }
}
