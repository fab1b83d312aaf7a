// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A JSON value (RFC 8259); objects are written with their keys in order.
public indirect enum JSONValue: Sendable, Hashable, Encodable {
    /// No value.
    case null
    /// A Boolean value.
    case bool(Bool)
    /// An integer.
    case int(Int64)
    /// A number with a fraction.
    case double(Double)
    /// Text.
    case string(String)
    /// A list.
    case array([JSONValue])
    /// A table.
    case object([String: JSONValue])

    /// An integer.
    public static func int(_ value: Int) -> JSONValue { .int(Int64(value)) }

    /// Text, or `null`.
    public static func string(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }

    /// A time as RFC 3339 text in UTC, or `null`.
    public static func time(_ value: Date?) -> JSONValue { .string(value.map(EventCoding.text)) }

    /// Encodes the value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let values): try container.encode(values)
        case .object(let values): try container.encode(values)
        }
    }

    /// The value on one line.
    public var text: String {
        // Only a number that is not finite cannot be encoded; `encodable` has replaced those.
        let data = (try? EventCoding.encoder.encode(self.encodable)) ?? Data("null".utf8)
        return String(decoding: data, as: UTF8.self)
    }

    /// JSON has no text for numbers that are not finite.
    private var encodable: JSONValue {
        switch self {
        case .double(let value) where !value.isFinite: .string("\(value)")
        case .array(let values): .array(values.map(\.encodable))
        case .object(let values): .object(values.mapValues(\.encodable))
        default: self
        }
    }
}
