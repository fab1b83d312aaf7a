// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Content headers (AMQP 0-9-1 §4.2.6.1).
///
/// Every message passes here. librabbitmq is not used, since its decoder recurses into header tables without a limit, its encoder
/// fails only after the method has been sent, and both take twice the time.
enum PropertyCodec {
    /// The class of messages (AMQP 0-9-1 §1.8).
    private static let basicClass: UInt16 = 60

    /// The property flags, in the order of the properties.
    private enum Flag {
        static let contentType: UInt16 = 1 << 15
        static let contentEncoding: UInt16 = 1 << 14
        static let headers: UInt16 = 1 << 13
        static let deliveryMode: UInt16 = 1 << 12
        static let priority: UInt16 = 1 << 11
        static let correlationID: UInt16 = 1 << 10
        static let replyTo: UInt16 = 1 << 9
        static let expiration: UInt16 = 1 << 8
        static let messageID: UInt16 = 1 << 7
        static let timestamp: UInt16 = 1 << 6
        static let type: UInt16 = 1 << 5
        static let userID: UInt16 = 1 << 4
        static let appID: UInt16 = 1 << 3
        static let clusterID: UInt16 = 1 << 2
        /// Another word of flags follows, which the basic class does not use.
        static let continued: UInt16 = 1
    }

    /// The flags for the properties of an event: content type, headers, delivery mode, id, time, type and, if it has one, source.
    static func flagsOfEvents(hasSource: Bool) -> UInt16 {
        let always =
            Flag.contentType | Flag.headers | Flag.deliveryMode | Flag.messageID | Flag.timestamp | Flag.type
        return hasSource ? always | Flag.appID : always
    }

    /// Finds the properties in the payload of a header frame.
    static func places(in payload: ByteBuffer) throws(CodecError) -> PropertyPlaces {
        try payload.withUnsafeReadableBytes { self.places(in: ByteReader($0)) }.get()
    }

    private static func places(in header: ByteReader) -> Result<PropertyPlaces, CodecError> {
        var reader = header
        guard reader.integer(UInt16.self) == self.basicClass, reader.integer(UInt16.self) != nil,
            let bodySize = reader.integer(UInt64.self)
        else { return .failure(CodecError(.malformedMethod, "content header that is truncated or of another class")) }
        guard let flags = reader.integer(UInt16.self), flags & Flag.continued == 0 else {
            return .failure(CodecError(.malformedMethod, "unknown property flags"))
        }
        var places = PropertyPlaces(bodySize: bodySize)
        var isCutOff = false
        /// Records the place of a property that is present, and skips it.
        func note(_ flag: UInt16, _ place: inout UInt32, _ skip: (inout ByteReader) -> Bool) {
            guard flags & flag != 0 else { return }
            place = UInt32(truncatingIfNeeded: reader.position)
            if !skip(&reader) { isCutOff = true }
        }
        func text(_ reader: inout ByteReader) -> Bool { reader.shortString() != nil }
        func byte(_ reader: inout ByteReader) -> Bool { reader.integer(UInt8.self) != nil }
        note(Flag.contentType, &places.contentType, text)
        note(Flag.contentEncoding, &places.contentEncoding, text)
        note(Flag.headers, &places.headers) { reader in
            reader.integer(UInt32.self).flatMap { reader.bytes(Int($0)) } != nil
        }
        note(Flag.deliveryMode, &places.deliveryMode, byte)
        note(Flag.priority, &places.priority, byte)
        note(Flag.correlationID, &places.correlationID, text)
        note(Flag.replyTo, &places.replyTo, text)
        note(Flag.expiration, &places.expiration, text)
        note(Flag.messageID, &places.messageID, text)
        note(Flag.timestamp, &places.timestamp) { $0.integer(UInt64.self) != nil }
        note(Flag.type, &places.type, text)
        note(Flag.userID, &places.userID, text)
        note(Flag.appID, &places.appID, text)
        note(Flag.clusterID, &places.clusterID, text)
        return isCutOff ? .failure(CodecError(.malformedMethod, "truncated property")) : .success(places)
    }

    /// Writes the payload of a header frame.
    static func encode(
        _ properties: Properties,
        _ headers: HeaderTable,
        bodySize: Int,
        into buffer: inout ByteBuffer
    ) throws(CodecError) {
        buffer.writeMultipleIntegers(self.basicClass, UInt16(0), UInt64(bodySize), UInt16(0))
        let start = buffer.writerIndex - 2
        var flags: UInt16 = 0
        func write(_ flag: UInt16, _ text: String?) throws(CodecError) {
            guard let text else { return }
            flags |= flag
            try buffer.writeShortString(text)
        }
        func write(_ flag: UInt16, _ integer: (some FixedWidthInteger)?) {
            guard let integer else { return }
            flags |= flag
            buffer.writeInteger(integer)
        }
        try write(Flag.contentType, properties.contentType)
        try write(Flag.contentEncoding, properties.contentEncoding)
        if !headers.isEmpty {
            flags |= Flag.headers
            buffer.writeTable(headers)
        }
        write(Flag.deliveryMode, properties.deliveryMode)
        write(Flag.priority, properties.priority)
        try write(Flag.correlationID, properties.correlationID)
        try write(Flag.replyTo, properties.replyTo)
        try write(Flag.expiration, properties.expiration)
        try write(Flag.messageID, properties.messageID)
        write(Flag.timestamp, properties.timestamp)
        try write(Flag.type, properties.type)
        try write(Flag.userID, properties.userID)
        try write(Flag.appID, properties.appID)
        try write(Flag.clusterID, properties.clusterID)
        buffer.setInteger(flags, at: start)
    }
}

extension ByteBuffer {
    /// Writes a string after one byte for its length (AMQP 0-9-1 §4.2.5.3).
    mutating func writeShortString(_ text: String) throws(CodecError) {
        guard let length = UInt8(exactly: text.utf8.count) else {
            throw CodecError(.tooLarge, "text of \(text.utf8.count) bytes")
        }
        self.writeInteger(length)
        self.writeString(text)
    }
}
