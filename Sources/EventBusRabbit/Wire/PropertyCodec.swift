// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import CRabbitMQ
import NIOCore

/// Content headers (AMQP 0-9-1 §4.2.6.1).
///
/// librabbitmq codes the properties and never sees the header table, which Swift splices in and out: its decoder recurses
/// without limit, and its encoder fails only after the method has been sent.
enum PropertyCodec {
    private static let headersFlag = UInt16(truncatingIfNeeded: AMQP_BASIC_HEADERS_FLAG)
    private static let basicClass = UInt16(truncatingIfNeeded: AMQP_BASIC_CLASS)

    struct ContentHeader {
        let bodySize: UInt64
        let properties: Properties
        let headers: HeaderTable
    }

    static func decode(_ payload: ByteBuffer, pool: CodecPool) throws(WireError) -> ContentHeader {
        var payload = payload
        guard let (classID, _, bodySize) = payload.readMultipleIntegers(as: (UInt16, UInt16, UInt64).self),
            classID == self.basicClass
        else {
            throw WireError(.malformedMethod, "content header that is cut off or of another class")
        }
        let (plain, table) = try self.split(payload)
        return ContentHeader(
            bodySize: bodySize,
            properties: try self.decodeProperties(plain, pool: pool),
            // A table that cannot be split is as good as none: the message itself can still be handled.
            headers: table.flatMap { try? HeaderTable(parsing: $0) } ?? HeaderTable()
        )
    }

    /// Takes the header table out of the encoded properties.
    private static func split(_ payload: ByteBuffer) throws(WireError) -> (plain: ByteBuffer, table: ByteBuffer?) {
        var rest = payload
        guard let flags = rest.readInteger(as: UInt16.self), flags & 1 == 0 else {
            throw WireError(.malformedMethod, "property flags")
        }
        guard flags & self.headersFlag != 0 else { return (payload, nil) }
        for flag in [AMQP_BASIC_CONTENT_TYPE_FLAG, AMQP_BASIC_CONTENT_ENCODING_FLAG]
        where flags & UInt16(truncatingIfNeeded: flag) != 0 {
            guard let length = rest.readInteger(as: UInt8.self), rest.readSlice(length: Int(length)) != nil else {
                throw WireError(.malformedMethod, "property that is cut off")
            }
        }
        let before = payload.getSlice(at: payload.readerIndex + 2, length: rest.readerIndex - payload.readerIndex - 2)
        guard let length = rest.readInteger(as: UInt32.self), let table = rest.readSlice(length: Int(length)),
            let before
        else {
            throw WireError(.malformedMethod, "header table that is cut off")
        }
        var plain = ByteBuffer()
        plain.writeInteger(flags & ~self.headersFlag)
        plain.writeImmutableBuffer(before)
        plain.writeImmutableBuffer(rest)
        return (plain, table)
    }

    private static func decodeProperties(_ plain: ByteBuffer, pool: CodecPool) throws(WireError) -> Properties {
        do {
            return try pool.decoding(plain) { pool, bytes in
                var decoded: UnsafeMutableRawPointer?
                let status = amqp_decode_properties(self.basicClass, pool, bytes, &decoded)
                guard status >= 0, let decoded else {
                    throw WireError(.malformedMethod, "properties, librabbitmq says \(status)")
                }
                return Properties(decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee)
            }
        } catch let error as WireError {
            throw error
        } catch {
            throw WireError(.malformedMethod, "properties")
        }
    }

    /// Writes the payload of a header frame; the caller has checked the sizes.
    static func encode(
        _ properties: Properties,
        _ headers: HeaderTable,
        bodySize: Int,
        into buffer: inout ByteBuffer
    ) throws(WireError) {
        buffer.writeMultipleIntegers(self.basicClass, UInt16(0), UInt64(bodySize))
        let start = buffer.writerIndex
        try properties.withCProperties { pointer throws(WireError) in
            let status = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 4096) { raw in
                let target = amqp_bytes_t(len: raw.count, bytes: raw.baseAddress)
                return max(0, Int(amqp_encode_properties(self.basicClass, pointer, target)))
            }
            guard status >= 2 else { throw WireError(.tooLarge, "properties") }
        }
        guard !headers.entries.isEmpty, let flags = buffer.getInteger(at: start, as: UInt16.self) else { return }
        buffer.setInteger(flags | self.headersFlag, at: start)
        // Only the content type and the content encoding stand before the headers.
        let before = [properties.contentType, properties.contentEncoding].compactMap { $0 }
        let place = before.reduce(start + 2) { $0 + 1 + $1.utf8.count }
        let after = buffer.getSlice(at: place, length: buffer.writerIndex - place)
        buffer.moveWriterIndex(to: place)
        buffer.writeTable(headers)
        if let after { buffer.writeImmutableBuffer(after) }
    }
}
