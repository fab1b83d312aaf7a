// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import CEventBusRabbitMQ
import NIOCore

/// Writes frames; methods are encoded by librabbitmq, their tables in Swift.
enum FrameEncoder {
    static func heartbeat(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(Frame.Kind.heartbeat.rawValue, UInt16(0), UInt32(0), Frame.end)
    }

    /// Writes a method frame; writes nothing when it throws.
    static func method(_ method: ClientMethod, channel: UInt16, into buffer: inout ByteBuffer) throws(CodecError) {
        try self.frame(.method, channel, into: &buffer) { buffer throws(CodecError) in
            try MethodEncoder.encode(method, into: &buffer)
        }
    }

    /// Writes all frames of a message; writes nothing when it throws.
    static func publish(
        _ message: OutgoingMessage,
        channel: UInt16,
        maximumFrame: Int,
        into buffer: inout ByteBuffer
    ) throws(CodecError) {
        let start = buffer.writerIndex
        do throws(CodecError) {
            try self.frame(.method, channel, into: &buffer) { buffer throws(CodecError) in
                // Class, method, reserved; then exchange, routing key, mandatory (AMQP 0-9-1 §1.8.3.7).
                buffer.writeMultipleIntegers(UInt16(60), UInt16(40), UInt16(0))
                try buffer.writeShortString(message.exchange)
                try buffer.writeShortString(message.routingKey)
                buffer.writeInteger(UInt8(message.mandatory ? 1 : 0))
            }
            let headerStart = buffer.writerIndex
            try self.frame(.header, channel, into: &buffer) { buffer throws(CodecError) in
                try PropertyCodec.encode(
                    message.properties,
                    message.headers,
                    bodySize: message.body.readableBytes,
                    into: &buffer
                )
            }
            // A content header must fit into one frame.
            guard buffer.writerIndex - headerStart <= maximumFrame else {
                throw CodecError(.tooLarge, "headers of \(buffer.writerIndex - headerStart) bytes")
            }
        } catch {
            buffer.moveWriterIndex(to: start)
            throw error
        }
        self.body(message.body.readableBytesView, channel: channel, maximumFrame: maximumFrame, into: &buffer)
    }

    /// Writes a body in as few frames as possible.
    private static func body(
        _ body: some RandomAccessCollection<UInt8>,
        channel: UInt16,
        maximumFrame: Int,
        into buffer: inout ByteBuffer
    ) {
        var rest = body[...]
        while !rest.isEmpty {
            let piece = rest.prefix(maximumFrame - Frame.overhead)
            buffer.writeMultipleIntegers(Frame.Kind.body.rawValue, channel, UInt32(piece.count))
            buffer.writeBytes(piece)
            buffer.writeInteger(Frame.end)
            rest = rest.dropFirst(piece.count)
        }
    }

    private static func frame(
        _ kind: Frame.Kind,
        _ channel: UInt16,
        into buffer: inout ByteBuffer,
        _ payload: (inout ByteBuffer) throws(CodecError) -> Void
    ) throws(CodecError) {
        let start = buffer.writerIndex
        buffer.writeMultipleIntegers(kind.rawValue, channel, UInt32(0))
        do throws(CodecError) {
            try payload(&buffer)
        } catch {
            buffer.moveWriterIndex(to: start)
            throw error
        }
        buffer.setInteger(UInt32(buffer.writerIndex - start - 7), at: start + 3)
        buffer.writeInteger(Frame.end)
    }
}
