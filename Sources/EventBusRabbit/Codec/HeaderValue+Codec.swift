// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

// Values of field tables, with the types that RabbitMQ uses (AMQP 0-9-1 §4.2.5.5 with RabbitMQ's errata).

extension ByteBuffer {
    /// Writes a value after the byte for its type.
    mutating func writeFieldValue(_ value: HeaderValue) {
        switch value {
        case .bool(let value):
            self.writeMultipleIntegers(UInt8(ascii: "t"), UInt8(value ? 1 : 0))
        case .int(let value):
            self.writeMultipleIntegers(UInt8(ascii: "l"), value)
        case .double(let value):
            self.writeMultipleIntegers(UInt8(ascii: "d"), value.bitPattern)
        case .string(let value):
            self.writeMultipleIntegers(UInt8(ascii: "S"), UInt32(value.utf8.count))
            self.writeString(value)
        case .bytes(let value):
            self.writeMultipleIntegers(UInt8(ascii: "x"), UInt32(value.count))
            self.writeBytes(value)
        case .timestamp(let date):
            self.writeMultipleIntegers(UInt8(ascii: "T"), UInt64(seconds: date))
        case .array(let values):
            self.writeInteger(UInt8(ascii: "A"))
            self.writeSized { buffer in
                for value in values { buffer.writeFieldValue(value) }
            }
        case .table(let entries):
            self.writeInteger(UInt8(ascii: "F"))
            self.writeSized { buffer in
                for (name, value) in entries.sorted(by: { $0.key < $1.key }) { buffer.writeField(name, value) }
            }
        case .null:
            self.writeInteger(UInt8(ascii: "V"))
        }
    }

    /// Writes a table entry; one whose name has more than 255 bytes is left out, since the length has one byte.
    mutating func writeField(_ name: String, _ value: HeaderValue) {
        guard let length = UInt8(exactly: name.utf8.count) else { return }
        self.writeInteger(length)
        self.writeString(name)
        self.writeFieldValue(value)
    }

    private mutating func writeSized(_ body: (inout ByteBuffer) -> Void) {
        let start = self.writerIndex
        self.writeInteger(UInt32(0))
        body(&self)
        self.setInteger(UInt32(self.writerIndex - start - 4), at: start)
    }

    /// Reads a value after the byte for its type.
    mutating func readFieldValue(depth: Int = 0) throws(CodecError) -> HeaderValue {
        guard depth <= HeaderValue.maximumDepth else {
            throw CodecError(.malformedTable, "more than \(HeaderValue.maximumDepth) levels")
        }
        guard let type = self.readInteger(as: UInt8.self) else {
            throw CodecError(.malformedTable, "value without its type")
        }
        let length = try HeaderValue.length(ofType: type) {
            self.getInteger(at: self.readerIndex, as: UInt32.self)
        }
        guard var field = self.readSlice(length: length) else {
            throw CodecError(.malformedTable, "truncated value")
        }
        switch type {
        case UInt8(ascii: "t"): return .bool(field.readInteger(as: UInt8.self) != 0)
        case UInt8(ascii: "b"): return .int(Int64(field.readInteger(as: Int8.self) ?? 0))
        case UInt8(ascii: "B"): return .int(Int64(field.readInteger(as: UInt8.self) ?? 0))
        case UInt8(ascii: "s"): return .int(Int64(field.readInteger(as: Int16.self) ?? 0))
        case UInt8(ascii: "u"): return .int(Int64(field.readInteger(as: UInt16.self) ?? 0))
        case UInt8(ascii: "I"): return .int(Int64(field.readInteger(as: Int32.self) ?? 0))
        case UInt8(ascii: "i"): return .int(Int64(field.readInteger(as: UInt32.self) ?? 0))
        case UInt8(ascii: "l"), UInt8(ascii: "L"): return .int(field.readInteger(as: Int64.self) ?? 0)
        case UInt8(ascii: "f"): return .double(Double(Float(bitPattern: field.readInteger(as: UInt32.self) ?? 0)))
        case UInt8(ascii: "d"): return .double(Double(bitPattern: field.readInteger(as: UInt64.self) ?? 0))
        case UInt8(ascii: "D"): return .double(HeaderValue.decimal(&field))
        case UInt8(ascii: "T"): return .timestamp(Date(seconds: field.readInteger(as: UInt64.self) ?? 0))
        case UInt8(ascii: "V"): return .null
        default: break
        }
        field.moveReaderIndex(forwardBy: 4)
        switch type {
        case UInt8(ascii: "S"): return .string(String(buffer: field))
        case UInt8(ascii: "x"): return .bytes([UInt8](field.readableBytesView))
        case UInt8(ascii: "A"):
            var values: [HeaderValue] = []
            while field.readableBytes > 0 { values.append(try field.readFieldValue(depth: depth + 1)) }
            return .array(values)
        default:
            var entries: [String: HeaderValue] = [:]
            while field.readableBytes > 0 {
                guard let name = field.readShortString() else {
                    throw CodecError(.malformedTable, "truncated name")
                }
                let value = try field.readFieldValue(depth: depth + 1)
                entries[name] = entries[name] ?? value
            }
            return .table(entries)
        }
    }

    /// Reads a string after one byte for its length; bytes that are not UTF-8 are replaced.
    private mutating func readShortString() -> String? {
        guard let length = self.readInteger(as: UInt8.self) else { return nil }
        return self.readString(length: Int(length))
    }
}

extension HeaderValue {
    /// How deeply tables and arrays may nest when they are read.
    static let maximumDepth = 32

    /// How many bytes a value takes after the byte for its type; `size` reads the length that starts it.
    static func length(ofType type: UInt8, size: () -> UInt32?) throws(CodecError) -> Int {
        switch type {
        case UInt8(ascii: "t"), UInt8(ascii: "b"), UInt8(ascii: "B"): return 1
        case UInt8(ascii: "s"), UInt8(ascii: "u"): return 2
        case UInt8(ascii: "I"), UInt8(ascii: "i"), UInt8(ascii: "f"): return 4
        case UInt8(ascii: "D"): return 5
        case UInt8(ascii: "l"), UInt8(ascii: "L"), UInt8(ascii: "d"), UInt8(ascii: "T"): return 8
        case UInt8(ascii: "V"): return 0
        case UInt8(ascii: "S"), UInt8(ascii: "x"), UInt8(ascii: "A"), UInt8(ascii: "F"):
            guard let length = size() else { throw CodecError(.malformedTable, "value without its length") }
            return 4 + Int(length)
        default:
            throw CodecError(.malformedTable, "value of type \(type)")
        }
    }

    fileprivate static func decimal(_ field: inout ByteBuffer) -> Double {
        let scale = field.readInteger(as: UInt8.self) ?? 0
        var value = Double(field.readInteger(as: Int32.self) ?? 0)
        for _ in 0..<scale { value /= 10 }
        return value
    }
}

extension UInt64 {
    /// Whole seconds since 1970; a date that AMQP cannot carry becomes the nearest one that it can.
    init(seconds date: Date) {
        let seconds = date.timeIntervalSince1970
        self = seconds.isFinite ? UInt64(Swift.min(Swift.max(seconds.rounded(.down), 0), 1e18)) : 0
    }
}

extension Date {
    init(seconds: UInt64) {
        self.init(timeIntervalSince1970: Double(seconds))
    }

    /// Whether the time is one that RFC 3339 can express: years 0 to 9999.
    var isOrdinary: Bool { (-62_167_219_200..<253_402_300_800).contains(self.timeIntervalSince1970) }
}
