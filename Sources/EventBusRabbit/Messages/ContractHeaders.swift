// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What the headers of a message say, read in one pass.
struct ContractHeaders {
    /// The id that the producer has given as a property.
    private(set) var givenID: String?
    var id: String?
    var type: String?
    var source: String?
    var time: Date?
    var orderingKey: String?
    var topic: String?
    var firstFailedAt: Date?
    var deadReason: String?
    var deadAt: Date?
    var version = 1
    var attempt = 0
    var returns = 0
    var redrives = 0
    var deliveryCount = 0
    /// Those that belong neither to the wire contract nor to RabbitMQ.
    var others: [String: HeaderValue] = [:]

    init(_ message: IncomingMessage) {
        let givenID = message.givenID
        self.givenID = givenID
        let (hasID, hasType) = (givenID != nil, message.places.type > 0)
        let isReadable = message.visitHeaders { name, value in
            guard !self.note(name, value, hasID: hasID, hasType: hasType) else { return }
            let name = String(decoding: name, as: UTF8.self)
            if !Message.isReserved(header: name) { self.others[name] = Self.fieldValue(value).map(HeaderValue.init) }
        }
        // A table that cannot be read to its end is as good as none.
        if !isReadable { self = ContractHeaders(givenID: givenID) }
    }

    private init(givenID: String?) { self.givenID = givenID }

    /// Notes a header of the wire contract; `false` when it is another one.
    ///
    /// Names are told apart by their length first.
    private mutating func note(
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer,
        hasID: Bool,
        hasType: Bool
    ) -> Bool {
        func isNamed(_ other: StaticString) -> Bool {
            other.withUTF8Buffer { name.hasSameBytes(as: UnsafeRawBufferPointer($0)) }
        }
        switch name.count {
        case 7 where isNamed("x-topic"): self.topic = self.topic ?? Self.text(value)
        case 9 where isNamed("x-attempt"): self.attempt = Self.count(value)
        case 9 where isNamed("x-returns"): self.returns = Self.count(value)
        case 9 where isNamed("x-dead-at"): self.deadAt = Self.time(value)
        case 10 where isNamed("x-redrives"): self.redrives = Self.count(value)
        case 13 where isNamed("x-dead-reason"): self.deadReason = Self.text(value)
        case 14 where isNamed("cloudEvents_id"): if !hasID { self.id = self.id ?? Self.text(value) }
        case 14 where isNamed("x-ordering-key"): self.orderingKey = self.orderingKey ?? Self.text(value)
        case 15 where isNamed("x-event-version"): self.version = Self.version(value)
        case 16 where isNamed("cloudEvents_type"): if !hasType { self.type = self.type ?? Self.text(value) }
        case 16 where isNamed("cloudEvents_time"): self.time = self.time ?? Self.time(value)
        case 16 where isNamed("x-delivery-count"): self.deliveryCount = Self.count(value)
        case 17 where isNamed("x-first-failed-at"): self.firstFailedAt = Self.time(value)
        case 18 where isNamed("cloudEvents_source"): self.source = self.source ?? Self.text(value)
        case 23 where isNamed("cloudEvents_specversion"): break
        default: return false
        }
        return true
    }

    private static func fieldValue(_ value: UnsafeRawBufferPointer) -> FieldValue? {
        var buffer = ByteBuffer(bytes: value)
        return try? buffer.readFieldValue()
    }

    /// A header that is text.
    private static func text(_ value: UnsafeRawBufferPointer) -> String? {
        self.bytes(value).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A header that is a time (RFC 3339).
    private static func time(_ value: UnsafeRawBufferPointer) -> Date? {
        self.bytes(value).flatMap { EventCoding.date(from: $0) }
    }

    /// The bytes of a header that is text.
    private static func bytes(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard value.first == UInt8(ascii: "S"), value.count >= 5 else { return nil }
        return UnsafeRawBufferPointer(rebasing: value[5...])
    }

    /// A header that is a whole number.
    private static func integer(_ value: UnsafeRawBufferPointer) -> Int64? {
        if value.first == UInt8(ascii: "l"), value.count == 9 {
            return Int64(bigEndian: value.loadUnaligned(fromByteOffset: 1, as: Int64.self))
        }
        guard case .int(let number) = Self.fieldValue(value) else { return nil }
        return number
    }

    /// A header that counts something; anything else counts nothing.
    private static func count(_ value: UnsafeRawBufferPointer) -> Int {
        Int(min(max(0, Self.integer(value) ?? 0), 1_000_000))
    }

    private static func version(_ value: UnsafeRawBufferPointer) -> Int {
        Self.integer(value).map { Int(clamping: $0) } ?? Self.text(value).flatMap { Int($0) } ?? 1
    }
}
