// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A value for a placeholder, in Postgres' binary format, with its type.
struct Parameter: Sendable, Hashable {
    let type: PostgresType
    /// nil is SQL's NULL.
    let bytes: [UInt8]?

    static func null(_ type: PostgresType) -> Self { Self(type: type, bytes: nil) }
    static func bool(_ value: Bool) -> Self { Self(type: .bool, bytes: [value ? 1 : 0]) }
    static func int8(_ value: Int64) -> Self { Self(type: .int8, bytes: value.networkBytes) }
    static func int4(_ value: Int32) -> Self { Self(type: .int4, bytes: value.networkBytes) }
    static func double(_ value: Double) -> Self { Self(type: .float8, bytes: value.bitPattern.networkBytes) }
    static func bytes(_ value: [UInt8]) -> Self { Self(type: .bytea, bytes: value) }

    /// Postgres can't store U+0000 in a text (22021), so it is refused before it leaves.
    static func text(_ value: String) throws(PostgresError) -> Self {
        let bytes = Array(value.utf8)
        guard !bytes.contains(0) else { throw PostgresError(.invalidValue, detail: "NUL in a text") }
        return Self(type: .text, bytes: bytes)
    }

    static func uuid(_ value: Identifier) -> Self {
        Self(type: .uuid, bytes: value.high.networkBytes + value.low.networkBytes)
    }

    /// `timestamptz` counts microseconds; what is finer is rounded.
    static func timestamp(_ value: Date) throws(PostgresError) -> Self {
        guard let whole = Int64(exactly: (value.timeIntervalSince1970 * 1_000_000).rounded()),
            case let (sinceEpoch, overflow) = whole.subtractingReportingOverflow(PostgresType.epoch), !overflow
        else { throw PostgresError(.invalidValue, detail: "a time out of range") }
        return Self(type: .timestamptz, bytes: sinceEpoch.networkBytes)
    }

    /// A one-dimensional array, for `unnest` and `= ANY`; nil elements are NULL.
    static func array(of type: PostgresType, _ elements: [Parameter]) -> Self {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + elements.reduce(0) { $0 + 4 + ($1.bytes?.count ?? 0) })
        let hasNull = elements.contains { $0.bytes == nil }
        bytes += Int32(elements.isEmpty ? 0 : 1).networkBytes
        bytes += Int32(hasNull ? 1 : 0).networkBytes
        bytes += type.oid.networkBytes
        if !elements.isEmpty {
            bytes += Int32(elements.count).networkBytes
            bytes += Int32(1).networkBytes
        }
        for element in elements {
            guard let value = element.bytes else {
                bytes += Int32(-1).networkBytes
                continue
            }
            bytes += Int32(value.count).networkBytes
            bytes += value
        }
        return Self(type: type.array, bytes: bytes)
    }
}

extension FixedWidthInteger {
    /// Big-endian, as on the wire.
    var networkBytes: [UInt8] { withUnsafeBytes(of: self.bigEndian) { Array($0) } }

    /// From big-endian bytes; nil when there are too few or too many.
    init?(networkBytes bytes: some Collection<UInt8>) {
        guard bytes.count == MemoryLayout<Self>.size else { return nil }
        self = bytes.reduce(0) { $0 << 8 | Self(truncatingIfNeeded: $1) }
    }
}
