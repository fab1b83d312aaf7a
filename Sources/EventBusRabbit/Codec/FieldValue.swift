// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// A value of a field table, with the types that RabbitMQ uses (AMQP 0-9-1 §4.2.5.5 with RabbitMQ's errata).
indirect enum FieldValue: Hashable, Sendable {
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case timestamp(UInt64)
    case array([FieldValue])
    case table([(String, FieldValue)])
    case void

    /// How deeply tables and arrays may nest.
    static let maximumDepth = 32

    static func == (left: FieldValue, right: FieldValue) -> Bool {
        switch (left, right) {
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.bytes(let left), .bytes(let right)): left == right
        case (.timestamp(let left), .timestamp(let right)): left == right
        case (.array(let left), .array(let right)): left == right
        case (.table(let left), .table(let right)): left.elementsEqual(right) { $0 == $1 }
        case (.void, .void): true
        default: false
        }
    }

    func hash(into hasher: inout Hasher) {
        var buffer = ByteBuffer()
        buffer.writeFieldValue(self)
        hasher.combine(buffer)
    }
}

extension ByteBuffer {
    /// Writes a value after the byte for its type.
    mutating func writeFieldValue(_ value: FieldValue) {
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
        case .timestamp(let value):
            self.writeMultipleIntegers(UInt8(ascii: "T"), value)
        case .array(let values):
            self.writeInteger(UInt8(ascii: "A"))
            self.writeSized { buffer in
                for value in values { buffer.writeFieldValue(value) }
            }
        case .table(let entries):
            self.writeInteger(UInt8(ascii: "F"))
            self.writeSized { buffer in
                for (name, value) in entries { buffer.writeField(name, value) }
            }
        case .void:
            self.writeInteger(UInt8(ascii: "V"))
        }
    }

    /// Writes a table entry; one whose name has more than 255 bytes is left out, since the length has one byte.
    mutating func writeField(_ name: String, _ value: FieldValue) {
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
    mutating func readFieldValue(depth: Int = 0) throws(CodecError) -> FieldValue {
        guard depth <= FieldValue.maximumDepth else {
            throw CodecError(.malformedTable, "more than \(FieldValue.maximumDepth) levels")
        }
        guard let type = self.readInteger(as: UInt8.self) else {
            throw CodecError(.malformedTable, "value without its type")
        }
        let length = try FieldValue.length(ofType: type) {
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
        case UInt8(ascii: "D"): return .double(FieldValue.decimal(&field))
        case UInt8(ascii: "T"): return .timestamp(field.readInteger(as: UInt64.self) ?? 0)
        case UInt8(ascii: "V"): return .void
        default: break
        }
        field.moveReaderIndex(forwardBy: 4)
        switch type {
        case UInt8(ascii: "S"): return .string(String(buffer: field))
        case UInt8(ascii: "x"): return .bytes([UInt8](field.readableBytesView))
        case UInt8(ascii: "A"):
            var values: [FieldValue] = []
            while field.readableBytes > 0 { values.append(try field.readFieldValue(depth: depth + 1)) }
            return .array(values)
        default:
            var entries: [(String, FieldValue)] = []
            while field.readableBytes > 0 {
                guard let name = field.readShortString() else {
                    throw CodecError(.malformedTable, "truncated name")
                }
                entries.append((name, try field.readFieldValue(depth: depth + 1)))
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

extension FieldValue {
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
