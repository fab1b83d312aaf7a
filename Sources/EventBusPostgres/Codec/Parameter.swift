// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The value of a statement's placeholder and its type, written in Postgres' binary format.
struct Parameter: Sendable {
    private enum Value: Sendable {
        case null
        case bool(Bool)
        case int4(Int32)
        case int8(Int64)
        case double(Double)
        case bytes([UInt8])
        case text(String)
        case uuid(Identifier)
        /// Elements of the same type; each may be NULL.
        case array(PostgresType, [Parameter])
    }

    let type: PostgresType
    private let value: Value

    private init(_ type: PostgresType, _ value: Value) {
        self.type = type
        self.value = value
    }

    static func null(_ type: PostgresType) -> Self { Self(type, .null) }
    static func bool(_ value: Bool) -> Self { Self(.bool, .bool(value)) }
    static func int8(_ value: Int64) -> Self { Self(.int8, .int8(value)) }
    static func int4(_ value: Int32) -> Self { Self(.int4, .int4(value)) }
    static func double(_ value: Double) -> Self { Self(.float8, .double(value)) }
    static func bytes(_ value: [UInt8]) -> Self { Self(.bytea, .bytes(value)) }
    static func uuid(_ value: Identifier) -> Self { Self(.uuid, .uuid(value)) }

    /// Postgres cannot store NUL in text (22021), so it is rejected before it is sent.
    static func text(_ value: String) throws(PostgresError) -> Self {
        guard !value.utf8.contains(0) else { throw PostgresError(.invalidValue, detail: "text must not contain NUL") }
        return Self(.text, .text(value))
    }

    /// Rounded to microseconds, the resolution of `timestamptz`.
    static func timestamp(_ value: Date) throws(PostgresError) -> Self {
        guard let whole = Int64(exactly: (value.timeIntervalSince1970 * 1_000_000).rounded()),
            case let (sinceEpoch, overflow) = whole.subtractingReportingOverflow(PostgresType.epoch), !overflow
        else { throw PostgresError(.invalidValue, detail: "a time is out of range") }
        return Self(.timestamptz, .int8(sinceEpoch))
    }

    /// A one-dimensional array, for `unnest` and `= ANY`.
    static func array(of type: PostgresType, _ elements: [Parameter]) -> Self {
        Self(type.array, .array(type, elements))
    }

    /// Whether the value is NULL, which has no bytes.
    var isNull: Bool {
        if case .null = self.value { true } else { false }
    }

    /// The size in bytes, approximately.
    var size: Int {
        switch self.value {
        case .bytes(let value): value.count
        case .text(let value): value.utf8.count
        case .array(_, let elements): elements.reduce(0) { $0 + $1.size }
        default: 16
        }
    }

    /// Whether a key, which is an integer or an identifier, is what these bytes mean; also if they have another size than such a key.
    func isWritten(as bytes: UnsafeRawBufferPointer) -> Bool {
        switch self.value {
        case .int8(let value): Int64(networkBytes: bytes).map { $0 == value } ?? true
        case .uuid(let value): Identifier(networkBytes: bytes).map { $0 == value } ?? true
        default: true
        }
    }

    func write(to bytes: inout [UInt8]) {
        switch self.value {
        case .null: break
        case .bool(let value): bytes.append(value ? 1 : 0)
        case .int4(let value): bytes.append(networkBytesOf: value)
        case .int8(let value): bytes.append(networkBytesOf: value)
        case .double(let value): bytes.append(networkBytesOf: value.bitPattern)
        case .bytes(let value): bytes.append(contentsOf: value)
        case .text(let value): bytes.append(contentsOf: value.utf8)
        case .uuid(let value):
            bytes.append(networkBytesOf: value.high)
            bytes.append(networkBytesOf: value.low)
        case .array(let type, let elements): self.write(elements, of: type, to: &bytes)
        }
    }

    private func write(_ elements: [Parameter], of type: PostgresType, to bytes: inout [UInt8]) {
        bytes.append(networkBytesOf: Int32(elements.isEmpty ? 0 : 1))
        bytes.append(networkBytesOf: Int32(elements.contains(where: \.isNull) ? 1 : 0))
        bytes.append(networkBytesOf: type.oid)
        guard !elements.isEmpty else { return }
        bytes.append(networkBytesOf: Int32(elements.count))
        bytes.append(networkBytesOf: Int32(1))
        for element in elements {
            let length = bytes.count
            bytes.append(networkBytesOf: Int32(-1))
            guard !element.isNull else { continue }
            element.write(to: &bytes)
            bytes.replace(at: length, withNetworkBytesOf: Int32(bytes.count - length - 4))
        }
    }
}

extension [UInt8] {
    /// Appends the number in big-endian byte order.
    fileprivate mutating func append(networkBytesOf number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { self.append(contentsOf: $0) }
    }

    fileprivate mutating func replace(at index: Int, withNetworkBytesOf number: Int32) {
        Swift.withUnsafeBytes(of: number.bigEndian) { bytes in
            for (offset, byte) in bytes.enumerated() { self[index + offset] = byte }
        }
    }
}

extension Identifier {
    /// Creates an identifier from its bytes; `nil` if there are too few or too many.
    init?(networkBytes bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 16 else { return nil }
        let (high, low) = (
            bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        )
        self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
    }
}

extension FixedWidthInteger where Self: BitwiseCopyable {
    /// Creates a number from big-endian bytes; `nil` if there are too few or too many.
    init?(networkBytes bytes: UnsafeRawBufferPointer) {
        guard bytes.count == MemoryLayout<Self>.size else { return nil }
        self.init(bigEndian: bytes.loadUnaligned(as: Self.self))
    }
}
