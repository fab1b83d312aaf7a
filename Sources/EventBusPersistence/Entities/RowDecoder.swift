// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension EntitySchema {
    /// Decodes a model from the values of its columns, in their order.
    ///
    /// - Throws: ``RepositoryError`` with code `schemaMismatch` if the values do not match the model.
    package func model(of row: [ColumnValue]) throws(RepositoryError) -> Model {
        do {
            return try Model(from: RowDecoder(row: RowValues(columns: self.columns, values: row), column: nil))
        } catch {
            throw RepositoryError(.schemaMismatch, "\(Model.self): \(DecodingFault(error))", cause: error)
        }
    }
}

/// The values of one row, looked up by the names of their columns.
private final class RowValues {
    let columns: [Column]
    let values: [ColumnValue]
    /// Models usually decode their properties in the order of the columns, so the next column is tried first.
    private var next = 0

    init(columns: [Column], values: [ColumnValue]) {
        self.columns = columns
        self.values = values
    }

    /// The value of a column, or `nil` if there is no such column.
    subscript(column: String) -> ColumnValue? {
        if !self.columns.indices.contains(self.next) || self.columns[self.next].name != column {
            guard let index = self.columns.firstIndex(where: { $0.name == column }) else { return nil }
            self.next = index
        }
        defer { self.next += 1 }
        return self.values[self.next]
    }
}

/// Decodes a flat model: each property is one column.
private struct RowDecoder: Decoder {
    let row: RowValues
    let column: String?
    var codingPath: [any CodingKey] { self.column.map { [ColumnKey(stringValue: $0)] } ?? [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard self.column == nil else { throw self.unsupported() }
        return KeyedDecodingContainer(RowDecodingContainer<Key>(row: self.row))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw self.unsupported() }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        ValueDecodingContainer(row: self.row, column: self.column ?? "", value: self.row[self.column ?? ""] ?? .null)
    }

    private func unsupported() -> DecodingError {
        .dataCorrupted(.init(codingPath: self.codingPath, debugDescription: "a type that no column can store"))
    }
}

private struct ColumnKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

private struct RowDecodingContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let row: RowValues
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { self.row.columns.map(\.name).sorted().compactMap(Key.init(stringValue:)) }

    func contains(_ key: Key) -> Bool { self.row.columns.contains { $0.name == key.stringValue } }

    func decodeNil(forKey key: Key) throws -> Bool {
        switch self.row[key.stringValue] {
        case nil, .null: true
        default: false
        }
    }

    /// Most columns are texts: an overload for them saves the dynamic casts of the generic method.
    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        let value = try self.value(key)
        if case .text(let text) = value { return text }
        return try ValueDecodingContainer(row: self.row, column: key.stringValue, value: value).decode(type)
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        let value = try self.value(key)
        return try ValueDecodingContainer(row: self.row, column: key.stringValue, value: value).decode(type)
    }

    private func value(_ key: Key) throws -> ColumnValue {
        guard let value = self.row[key.stringValue] else {
            throw DecodingError.keyNotFound(key, .init(codingPath: [], debugDescription: "no such column"))
        }
        return value
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try RowDecoder(row: self.row, column: key.stringValue).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try RowDecoder(row: self.row, column: key.stringValue).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { RowDecoder(row: self.row, column: "super") }
    func superDecoder(forKey key: Key) throws -> any Decoder {
        RowDecoder(row: self.row, column: key.stringValue)
    }
}

private struct ValueDecodingContainer: SingleValueDecodingContainer {
    let row: RowValues
    let column: String
    let value: ColumnValue
    var codingPath: [any CodingKey] { [ColumnKey(stringValue: self.column)] }

    func decodeNil() -> Bool { self.value == .null }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        // These casts cannot fail. A conditional one would need the metadata of an optional value of the generic type, and looking that
        // up costs more than all the rest.
        switch self.value {
        case .uuid(let value): if type == Identifier.self { return value as! T }
        case .text(let value): if type == String.self { return value as! T }
        case .bool(let value): if type == Bool.self { return value as! T }
        case .double(let value):
            if type == Double.self { return value as! T }
            if type == Float.self { return Float(value) as! T }
        case .timestamp(let value): if type == Date.self { return value as! T }
        case .bytes(let value):
            if type == [UInt8].self { return value as! T }
            if type == Data.self { return Data(value) as! T }
        case .int(let value):
            if let value = (type as? any FixedWidthInteger.Type)?.init(exactly: value) { return value as! T }
        case .null: break
        }
        guard !ValueDecodingContainer.isColumnType(type) else {
            if self.decodeNil() {
                throw DecodingError.valueNotFound(
                    type,
                    .init(codingPath: self.codingPath, debugDescription: "the column is null")
                )
            }
            throw DecodingError.typeMismatch(
                type,
                .init(codingPath: self.codingPath, debugDescription: "the column has another type")
            )
        }
        return try T(from: RowDecoder(row: self.row, column: self.column))
    }

    private static func isColumnType(_ type: Any.Type) -> Bool {
        type is Identifier.Type || type is String.Type || type is Bool.Type || type is Double.Type || type is Float.Type
            || type is Date.Type || type is [UInt8].Type || type is Data.Type || type is any FixedWidthInteger.Type
    }
}
