// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The value of a message header, in one of the types that an AMQP field table can hold (AMQP 0-9-1 §4.2.5.5).
public indirect enum HeaderValue: Sendable, Hashable {
    /// UTF-8 text.
    case string(String)
    /// An integer of up to 64 bits.
    case int(Int64)
    /// A Boolean value.
    case bool(Bool)
    /// A floating-point number.
    case double(Double)
    /// A point in time, in whole seconds.
    case timestamp(Date)
    /// Raw bytes.
    case bytes([UInt8])
    /// A list of values.
    case array([HeaderValue])
    /// A nested table.
    case table([String: HeaderValue])
    /// No value.
    case null

    /// The text if the value is a string, otherwise `nil`.
    public var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The number if the value is an integer, otherwise `nil`.
    public var int: Int64? {
        guard case .int(let value) = self else { return nil }
        return value
    }

    /// The size of the value in an AMQP table, including its type octet, and its nesting depth.
    package var encoded: (bytes: Int, depth: Int) {
        switch self {
        case .string(let value): (5 + value.utf8.count, 0)
        case .bytes(let value): (5 + value.count, 0)
        case .int, .double, .timestamp: (9, 0)
        case .bool: (2, 0)
        case .null: (1, 0)
        case .array(let values):
            values.lazy.map(\.encoded).reduce((5, 1)) { ($0.0 + $1.bytes, max($0.1, $1.depth + 1)) }
        case .table(let entries):
            entries.reduce((5, 1)) { total, entry in
                let value = entry.value.encoded
                return (total.0 + 1 + entry.key.utf8.count + value.bytes, max(total.1, value.depth + 1))
            }
        }
    }
}

extension HeaderValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    /// Creates a string value.
    public init(stringLiteral value: String) { self = .string(value) }

    /// Creates an integer value.
    public init(integerLiteral value: Int64) { self = .int(value) }

    /// Creates a Boolean value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}
