// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A column of an entity's table.
public struct Column: Sendable, Hashable {
    /// What a column can hold.
    public enum Kind: Sendable, Hashable {
        /// 16 bytes, Postgres `uuid`, Swift `Identifier`.
        case uuid
        /// UTF-8 without NUL, Postgres `text`.
        case text
        /// 64 bits with sign, Postgres `bigint`.
        case int
        /// Postgres `double precision`.
        case double
        /// Postgres `boolean`.
        case bool
        /// An instant in whole microseconds, Postgres `timestamptz`.
        case timestamp
        /// Postgres `bytea`, Swift `[UInt8]` or `Data`.
        case bytes
    }

    /// The column's name, equal to the model's coding key.
    public let name: String
    /// What it holds.
    public let kind: Kind

    /// Describes a column.
    public init(_ name: String, _ kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// A column of identifiers.
    public static func uuid(_ name: String) -> Column { Column(name, .uuid) }
    /// A column of text.
    public static func text(_ name: String) -> Column { Column(name, .text) }
    /// A column of integers.
    public static func int(_ name: String) -> Column { Column(name, .int) }
    /// A column of floating-point numbers.
    public static func double(_ name: String) -> Column { Column(name, .double) }
    /// A column of truth values.
    public static func bool(_ name: String) -> Column { Column(name, .bool) }
    /// A column of instants.
    public static func timestamp(_ name: String) -> Column { Column(name, .timestamp) }
    /// A column of raw bytes.
    public static func bytes(_ name: String) -> Column { Column(name, .bytes) }
}

/// A value in a column.
public enum ColumnValue: Sendable, Hashable {
    /// No value.
    case null
    /// See ``Column/Kind/uuid``.
    case uuid(Identifier)
    /// See ``Column/Kind/text``.
    case text(String)
    /// See ``Column/Kind/int``.
    case int(Int64)
    /// See ``Column/Kind/double``.
    case double(Double)
    /// See ``Column/Kind/bool``.
    case bool(Bool)
    /// See ``Column/Kind/timestamp``.
    case timestamp(Date)
    /// See ``Column/Kind/bytes``.
    case bytes([UInt8])

    /// The kind of column that can hold the value; `nil` for ``null``, which every column can.
    public var kind: Column.Kind? {
        switch self {
        case .null: nil
        case .uuid: .uuid
        case .text: .text
        case .int: .int
        case .double: .double
        case .bool: .bool
        case .timestamp: .timestamp
        case .bytes: .bytes
        }
    }
}

/// A type that is stored in one column and can be an entity's id.
public protocol ColumnConvertible {
    /// The value as a column holds it.
    var columnValue: ColumnValue { get }
}

extension Identifier: ColumnConvertible {
    /// The sixteen bytes.
    public var columnValue: ColumnValue { .uuid(self) }
}

extension String: ColumnConvertible {
    /// The text.
    public var columnValue: ColumnValue { .text(self) }
}

extension Int64: ColumnConvertible {
    /// The number.
    public var columnValue: ColumnValue { .int(self) }
}
