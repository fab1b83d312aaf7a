// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The headers of a message as the wire contract defines them, read in one pass.
struct ContractHeaders {
    /// The id that the producer set as a property.
    private(set) var givenID: String?
    var id: String?
    var type: String?
    var source: String?
    var time: Date?
    var orderingKey: String?
    var topic: String?
    var deadReason: String?
    var deadAt: Date?
    var version = 1
    /// Empty for nearly every message.
    var failures = Failures()
    var returns = 0
    var redrives = 0
    /// How often the broker has delivered the message before, by the greater of its counts.
    ///
    /// From RabbitMQ 4.3 on, `x-delivery-count` does not rise when a consumer has kept a message for too long, `x-acquired-count` does.
    var deliveryCount = 0
    /// The headers that are neither part of the wire contract nor reserved for brokers.
    var others: [String: HeaderValue] = [:]

    init(_ message: IncomingMessage) {
        self.init(givenID: message.givenID)
        // A table that cannot be read to its end counts as empty.
        if !self.read(message) { self = ContractHeaders(givenID: self.givenID) }
    }

    private init(givenID: String?) { self.givenID = givenID }

    /// Reads the headers; returns whether they could be read to their end.
    private mutating func read(_ message: IncomingMessage) -> Bool {
        let (hasID, hasType) = (self.givenID != nil, message.places.type > 0)
        var previous: HeaderName?
        return message.visitHeaders { name, value in
            if let known = HeaderName(utf8: name, after: previous) {
                previous = known
                self.note(known, value, hasID: hasID, hasType: hasType)
            } else if !HeaderName.hasReservedPrefix(name) {
                if let value = Self.fieldValue(value) { self.others[String(decoding: name, as: UTF8.self)] = value }
            } else if let known = HeaderName(colonForm: name) {
                self.note(known, value, hasID: hasID, hasType: hasType)
            }
        }
    }

    private mutating func note(_ name: HeaderName, _ value: UnsafeRawBufferPointer, hasID: Bool, hasType: Bool) {
        switch name {
        case .id: if !hasID { self.id = self.id ?? Self.identifying(value, .id) }
        case .type: if !hasType { self.type = self.type ?? Self.text(value) }
        case .source: self.source = self.source ?? Self.identifying(value, .source)
        case .time: self.time = self.time ?? Self.time(value)
        case .version: self.version = Self.version(value)
        case .orderingKey: self.orderingKey = self.orderingKey ?? Self.text(value)
        case .topic: self.topic = self.topic ?? Self.text(value)
        case .attempt: self.failures.count = Self.count(value)
        case .returns: self.returns = Self.count(value)
        case .firstFailedAt: self.failures.firstAt = Self.time(value)
        case .lastFailure: self.failures.lastReason = Self.text(value)
        case .deadReason: self.deadReason = Self.text(value)
        case .deadAt: self.deadAt = Self.time(value)
        case .redrives: self.redrives = Self.count(value)
        case .deliveryCount, .acquiredCount: self.deliveryCount = max(self.deliveryCount, Self.count(value))
        case .orderingBucket, .specVersion, .death, .carbonCopy, .blindCarbonCopy: break
        }
    }

    static func fieldValue(_ value: UnsafeRawBufferPointer) -> HeaderValue? {
        var buffer = ByteBuffer(bytes: value)
        return try? buffer.readFieldValue()
    }

    /// The value of a text header.
    private static func text(_ value: UnsafeRawBufferPointer) -> String? {
        self.bytes(value).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The value of a header by which events are told apart; `nil` if it is empty.
    private static func identifying(_ value: UnsafeRawBufferPointer, _ kind: IdentifyingText.Kind) -> String? {
        self.bytes(value).flatMap { IdentifyingText.of($0, kind) }
    }

    /// The value of a header that holds a time, as text (RFC 3339) or as a timestamp in whole seconds.
    ///
    /// `nil` for a timestamp that is none, such as one in nanoseconds.
    private static func time(_ value: UnsafeRawBufferPointer) -> Date? {
        guard value.first == UInt8(ascii: "T") else { return self.bytes(value).flatMap { EventCoding.date(from: $0) } }
        guard case .timestamp(let time) = self.fieldValue(value), time.isOrdinary else { return nil }
        return time
    }

    /// The bytes of a text header: a long string or a byte array.
    private static func bytes(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard value.first == UInt8(ascii: "S") || value.first == UInt8(ascii: "x"), value.count >= 5 else { return nil }
        return UnsafeRawBufferPointer(rebasing: value[5...])
    }

    /// The value of an integer header.
    private static func integer(_ value: UnsafeRawBufferPointer) -> Int64? {
        if value.first == UInt8(ascii: "l"), value.count == 9 {
            return Int64(bigEndian: value.loadUnaligned(fromByteOffset: 1, as: Int64.self))
        }
        guard case .int(let number) = Self.fieldValue(value) else { return nil }
        return number
    }

    /// The value of a header that counts something; a value of any other type counts as 0.
    private static func count(_ value: UnsafeRawBufferPointer) -> Int {
        Int(min(max(0, Self.integer(value) ?? 0), 1_000_000))
    }

    private static func version(_ value: UnsafeRawBufferPointer) -> Int {
        Self.integer(value).map { Int(clamping: $0) } ?? Self.text(value).flatMap { Int($0) } ?? 1
    }
}
