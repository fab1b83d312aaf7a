// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension EntitySchema {
    /// Makes a model of values in the order of the columns.
    ///
    /// - Throws: ``RepositoryError`` with code `schemaMismatch` when the model cannot be made of them.
    package func model(of row: [ColumnValue]) throws(RepositoryError) -> Model {
        let values = Dictionary(zip(self.columns.map(\.name), row)) { first, _ in first }
        do {
            return try Model(from: RowDecoder(values: values, column: nil))
        } catch {
            throw RepositoryError(.schemaMismatch, "\(Model.self): \(DecodingFault(error))", cause: error)
        }
    }
}

/// Decodes a flat model: each property is one column.
private struct RowDecoder: Decoder {
    let values: [String: ColumnValue]
    let column: String?
    var codingPath: [any CodingKey] { self.column.map { [ColumnKey(stringValue: $0)] } ?? [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard self.column == nil else { throw self.unsupported() }
        return KeyedDecodingContainer(RowContainer<Key>(values: self.values))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw self.unsupported() }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        ValueContainer(values: self.values, column: self.column ?? "")
    }

    private func unsupported() -> DecodingError {
        .dataCorrupted(.init(codingPath: self.codingPath, debugDescription: "a type that no column can hold"))
    }
}

private struct ColumnKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

private struct RowContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let values: [String: ColumnValue]
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { self.values.keys.sorted().compactMap(Key.init(stringValue:)) }

    func contains(_ key: Key) -> Bool { self.values[key.stringValue] != nil }

    func decodeNil(forKey key: Key) throws -> Bool {
        switch self.values[key.stringValue] {
        case nil, .null: true
        default: false
        }
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        guard self.values[key.stringValue] != nil else {
            throw DecodingError.keyNotFound(key, .init(codingPath: [], debugDescription: "no such column"))
        }
        return try ValueContainer(values: self.values, column: key.stringValue).decode(type)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try RowDecoder(values: self.values, column: key.stringValue).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try RowDecoder(values: self.values, column: key.stringValue).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { RowDecoder(values: self.values, column: "super") }
    func superDecoder(forKey key: Key) throws -> any Decoder {
        RowDecoder(values: self.values, column: key.stringValue)
    }
}

private struct ValueContainer: SingleValueDecodingContainer {
    let values: [String: ColumnValue]
    let column: String
    var codingPath: [any CodingKey] { [ColumnKey(stringValue: self.column)] }

    private var value: ColumnValue { self.values[self.column] ?? .null }

    func decodeNil() -> Bool { self.value == .null }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let decoded: Any? =
            switch (self.value, type) {
            case (.uuid(let value), is Identifier.Type): value
            case (.text(let value), is String.Type): value
            case (.bool(let value), is Bool.Type): value
            case (.double(let value), is Double.Type): value
            case (.double(let value), is Float.Type): Float(value)
            case (.timestamp(let value), is Date.Type): value
            case (.bytes(let value), is [UInt8].Type): value
            case (.bytes(let value), is Data.Type): Data(value)
            case (.int(let value), let integer as any FixedWidthInteger.Type): integer.init(exactly: value)
            default: nil
            }
        if let decoded = decoded as? T { return decoded }
        guard !ValueContainer.isColumnType(type) else {
            if self.decodeNil() {
                throw DecodingError.valueNotFound(
                    type,
                    .init(codingPath: self.codingPath, debugDescription: "the column is null")
                )
            }
            throw DecodingError.typeMismatch(
                type,
                .init(codingPath: self.codingPath, debugDescription: "the column holds another type")
            )
        }
        return try T(from: RowDecoder(values: self.values, column: self.column))
    }

    private static func isColumnType(_ type: Any.Type) -> Bool {
        type is Identifier.Type || type is String.Type || type is Bool.Type || type is Double.Type || type is Float.Type
            || type is Date.Type || type is [UInt8].Type || type is Data.Type || type is any FixedWidthInteger.Type
    }
}
