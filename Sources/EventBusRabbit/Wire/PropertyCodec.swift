// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Content headers (AMQP 0-9-1 §4.2.6.1).
///
/// Not with librabbitmq: its decoder recurses into header tables without limit, its encoder fails only after the method has
/// been sent, and both take twice the time. Every message passes here.
enum PropertyCodec {
    /// The class of messages (AMQP 0-9-1 §1.8).
    private static let basicClass: UInt16 = 60

    /// The property flags, in the order in which the properties stand.
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
        /// Another word of flags follows, which the basic class has no use for.
        static let continued: UInt16 = 1
    }

    /// The properties that every event has: content type, headers, delivery mode, id, time, type and, if it has one, source.
    static func flagsOfEvents(hasSource: Bool) -> UInt16 {
        let always =
            Flag.contentType | Flag.headers | Flag.deliveryMode | Flag.messageID | Flag.timestamp | Flag.type
        return hasSource ? always | Flag.appID : always
    }

    struct ContentHeader {
        let bodySize: UInt64
        let properties: Properties
        let headers: HeaderTable
    }

    static func decode(_ payload: ByteBuffer) throws(WireError) -> ContentHeader {
        var payload = payload
        guard let (classID, _, bodySize) = payload.readMultipleIntegers(as: (UInt16, UInt16, UInt64).self),
            classID == self.basicClass
        else {
            throw WireError(.malformedMethod, "content header that is cut off or of another class")
        }
        guard let flags = payload.readInteger(as: UInt16.self), flags & Flag.continued == 0 else {
            throw WireError(.malformedMethod, "property flags")
        }
        func text(_ flag: UInt16) throws(WireError) -> String? {
            guard flags & flag != 0 else { return nil }
            guard let text = payload.readShortString() else { throw self.cutOff }
            return text
        }
        func integer<Value: FixedWidthInteger>(_ flag: UInt16) throws(WireError) -> Value? {
            guard flags & flag != 0 else { return nil }
            guard let value = payload.readInteger(as: Value.self) else { throw self.cutOff }
            return value
        }
        var properties = Properties()
        var headers = HeaderTable()
        properties.contentType = try text(Flag.contentType)
        properties.contentEncoding = try text(Flag.contentEncoding)
        if flags & Flag.headers != 0 {
            guard let length = payload.readInteger(as: UInt32.self), let table = payload.readSlice(length: Int(length))
            else { throw self.cutOff }
            // A table that cannot be split is as good as none: the message itself can still be handled.
            headers = (try? HeaderTable(parsing: table)) ?? HeaderTable()
        }
        properties.deliveryMode = try integer(Flag.deliveryMode)
        properties.priority = try integer(Flag.priority)
        properties.correlationID = try text(Flag.correlationID)
        properties.replyTo = try text(Flag.replyTo)
        properties.expiration = try text(Flag.expiration)
        properties.messageID = try text(Flag.messageID)
        properties.timestamp = try integer(Flag.timestamp)
        properties.type = try text(Flag.type)
        properties.userID = try text(Flag.userID)
        properties.appID = try text(Flag.appID)
        properties.clusterID = try text(Flag.clusterID)
        return ContentHeader(bodySize: bodySize, properties: properties, headers: headers)
    }

    private static var cutOff: WireError { WireError(.malformedMethod, "property that is cut off") }

    /// Writes the payload of a header frame.
    static func encode(
        _ properties: Properties,
        _ headers: HeaderTable,
        bodySize: Int,
        into buffer: inout ByteBuffer
    ) throws(WireError) {
        buffer.writeMultipleIntegers(self.basicClass, UInt16(0), UInt64(bodySize), UInt16(0))
        let start = buffer.writerIndex - 2
        var flags: UInt16 = 0
        func write(_ flag: UInt16, _ text: String?) throws(WireError) {
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
    /// Writes a string with one octet for its length (AMQP 0-9-1 §4.2.5.3).
    mutating func writeShortString(_ text: String) throws(WireError) {
        guard let length = UInt8(exactly: text.utf8.count) else {
            throw WireError(.tooLarge, "text of \(text.utf8.count) bytes")
        }
        self.writeInteger(length)
        self.writeString(text)
    }
}
