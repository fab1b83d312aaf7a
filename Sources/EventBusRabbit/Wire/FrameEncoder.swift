// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import CRabbitMQ
import NIOCore

/// Writes frames into a buffer; methods with librabbitmq, their tables in Swift.
enum FrameEncoder {
    static func heartbeat(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(Frame.Kind.heartbeat.rawValue, UInt16(0), UInt32(0), Frame.end)
    }

    /// Writes a method frame; writes nothing when it throws.
    static func method(_ method: ClientMethod, channel: UInt16, into buffer: inout ByteBuffer) throws(WireError) {
        try self.frame(.method, channel, into: &buffer) { buffer throws(WireError) in
            try MethodEncoder.encode(method, into: &buffer)
        }
    }

    /// Writes all frames of a message; writes nothing when it throws.
    static func publish(
        _ message: OutgoingMessage,
        channel: UInt16,
        maximumFrame: Int,
        into buffer: inout ByteBuffer
    ) throws(WireError) {
        let start = buffer.writerIndex
        do throws(WireError) {
            let method = ClientMethod.basicPublish(
                exchange: message.exchange,
                routingKey: message.routingKey,
                mandatory: message.mandatory
            )
            try self.method(method, channel: channel, into: &buffer)
            let headerStart = buffer.writerIndex
            try self.frame(.header, channel, into: &buffer) { buffer throws(WireError) in
                try PropertyCodec.encode(
                    message.properties,
                    message.headers,
                    bodySize: message.body.readableBytes,
                    into: &buffer
                )
            }
            // A content header is never split over frames.
            guard buffer.writerIndex - headerStart <= maximumFrame else {
                throw WireError(.tooLarge, "headers of \(buffer.writerIndex - headerStart) bytes")
            }
        } catch {
            buffer.moveWriterIndex(to: start)
            throw error
        }
        var body = message.body
        while body.readableBytes > 0 {
            let length = min(body.readableBytes, maximumFrame - Frame.overhead)
            buffer.writeMultipleIntegers(Frame.Kind.body.rawValue, channel, UInt32(length))
            if let piece = body.readSlice(length: length) { buffer.writeImmutableBuffer(piece) }
            buffer.writeInteger(Frame.end)
        }
    }

    private static func frame(
        _ kind: Frame.Kind,
        _ channel: UInt16,
        into buffer: inout ByteBuffer,
        _ payload: (inout ByteBuffer) throws(WireError) -> Void
    ) throws(WireError) {
        let start = buffer.writerIndex
        buffer.writeMultipleIntegers(kind.rawValue, channel, UInt32(0))
        do throws(WireError) {
            try payload(&buffer)
        } catch {
            buffer.moveWriterIndex(to: start)
            throw error
        }
        buffer.setInteger(UInt32(buffer.writerIndex - start - 7), at: start + 3)
        buffer.writeInteger(Frame.end)
    }
}
