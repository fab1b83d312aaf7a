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
        /// UTF-8 text without NUL, Postgres `text`, Swift `String`.
        case text
        /// A signed 64-bit integer, Postgres `bigint`, any Swift integer type.
        case int
        /// Postgres `double precision`.
        case double
        /// Postgres `boolean`.
        case bool
        /// A point in time in whole microseconds, Postgres `timestamptz`, Swift `Date`.
        case timestamp
        /// Postgres `bytea`, Swift `[UInt8]` or `Data`.
        case bytes
    }

    /// The column's name, equal to the model's coding key.
    public let name: String
    /// What it holds.
    public let kind: Kind

    /// Creates a column.
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
    /// A column of Boolean values.
    public static func bool(_ name: String) -> Column { Column(name, .bool) }
    /// A column of points in time.
    public static func timestamp(_ name: String) -> Column { Column(name, .timestamp) }
    /// A column of raw bytes.
    public static func bytes(_ name: String) -> Column { Column(name, .bytes) }
}

/// A value in a column.
///
/// As in a database, two texts are equal only if their UTF-8 bytes are; Swift's `String` also equates canonically
/// equivalent texts.
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

extension ColumnValue {
    /// Whether a database considers the values equal.
    public static func == (left: ColumnValue, right: ColumnValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.uuid(let left), .uuid(let right)): left == right
        case (.text(let left), .text(let right)): ExactText(left) == ExactText(right)
        case (.int(let left), .int(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.bool(let left), .bool(let right)): left == right
        case (.timestamp(let left), .timestamp(let right)): left == right
        case (.bytes(let left), .bytes(let right)): left == right
        default: false
        }
    }

    /// Hashes the kind and the value.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.kind)
        switch self {
        case .null: break
        case .uuid(let value): hasher.combine(value)
        case .text(let value): hasher.combine(ExactText(value))
        case .int(let value): hasher.combine(value)
        case .double(let value): hasher.combine(value)
        case .bool(let value): hasher.combine(value)
        case .timestamp(let value): hasher.combine(value)
        case .bytes(let value): hasher.combine(value)
        }
    }
}

/// A type that can be stored in one column and be an entity's id.
public protocol ColumnConvertible {
    /// The value to store.
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
