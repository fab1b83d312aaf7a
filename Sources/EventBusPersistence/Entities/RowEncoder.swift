// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension EntitySchema {
    /// Encodes a model as the values of its columns, in their order.
    ///
    /// - Throws: ``RepositoryError`` with code `invalidValue` for a value that no store can hold, `schemaMismatch` if the
    ///   model's coding keys do not match the columns.
    package func row(of model: Model) throws(RepositoryError) -> [ColumnValue] {
        let storage = RowStorage(columns: self.columns)
        do {
            try model.encode(to: RowEncoder(storage: storage, column: nil))
        } catch let error as RepositoryError {
            throw error
        } catch {
            throw RepositoryError(.invalidValue, "\(Model.self) cannot be encoded", cause: error)
        }
        if let name = storage.unknown.min() {
            throw RepositoryError(.schemaMismatch, "\(self.table) has no column for the coding key \(name)")
        }
        for (index, column) in self.columns.enumerated() {
            storage.values[index] = try self.checked(storage.values[index], column)
        }
        return storage.values
    }

    private func checked(_ value: ColumnValue, _ column: Column) throws(RepositoryError) -> ColumnValue {
        switch (value, column.kind) {
        case (.text(let text), .text) where !ExactText(text).isStorable:
            throw RepositoryError(.invalidValue, "\(self.table).\(column.name): text must not contain NUL")
        case (.timestamp(let date), .timestamp):
            guard let date = RowEncoder.wholeMicroseconds(date) else {
                throw RepositoryError(.invalidValue, "\(self.table).\(column.name): the time is out of range")
            }
            return .timestamp(date)
        case (.int(let number), .double):
            return .double(Double(number))
        case (let value, let kind) where value.kind == nil || value.kind == kind:
            return value
        default:
            throw RepositoryError(
                .schemaMismatch,
                "\(self.table).\(column.name) has type \(column.kind), the model's property another one"
            )
        }
    }
}

/// Collects a model's values by coding key.
private final class RowStorage {
    let columns: [Column]
    var values: [ColumnValue]
    /// Coding keys for which there is no column.
    private(set) var unknown: [String] = []
    /// Models usually encode their properties in the order of the columns, so the next column is tried first.
    private var next = 0

    init(columns: [Column]) {
        self.columns = columns
        self.values = Array(repeating: .null, count: columns.count)
    }

    func set(_ column: String, _ value: ColumnValue) {
        if !self.columns.indices.contains(self.next) || self.columns[self.next].name != column {
            guard let index = self.columns.firstIndex(where: { $0.name == column }) else {
                return self.unknown.append(column)
            }
            self.next = index
        }
        self.values[self.next] = value
        self.next += 1
    }
}

/// Encodes a flat model: each property is one column.
private struct RowEncoder: Encoder {
    let storage: RowStorage
    let column: String?
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    /// The range of a Postgres `timestamptz`: from 4714 BC to the year 294276 (PostgreSQL 15 manual, 8.5).
    private static let storableSeconds = -210_866_803_200.0..<9_224_318_016_000.0

    /// The time rounded to microseconds, or `nil` if no store can hold it.
    static func wholeMicroseconds(_ date: Date) -> Date? {
        let seconds = (date.timeIntervalSince1970 * 1_000_000).rounded() / 1_000_000
        return RowEncoder.storableSeconds.contains(seconds) ? Date(timeIntervalSince1970: seconds) : nil
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(RowEncodingContainer<Key>(storage: self.storage, isNested: self.column != nil))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        UnsupportedContainer(column: self.column ?? "")
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        ValueEncodingContainer(storage: self.storage, column: self.column ?? "")
    }
}

private func unsupported(_ column: String) -> RepositoryError {
    RepositoryError(.schemaMismatch, "\(column) has a type that no column can store")
}

private struct RowEncodingContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let storage: RowStorage
    let isNested: Bool
    var codingPath: [any CodingKey] { [] }

    mutating func encodeNil(forKey key: Key) throws { self.storage.set(key.stringValue, .null) }

    /// Most columns are texts: an overload for them saves the dynamic casts of the generic method.
    mutating func encode(_ value: String, forKey key: Key) throws {
        guard !self.isNested else { throw unsupported(key.stringValue) }
        self.storage.set(key.stringValue, .text(value))
    }

    mutating func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        guard !self.isNested else { throw unsupported(key.stringValue) }
        try ValueEncodingContainer(storage: self.storage, column: key.stringValue).encode(value)
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(RowEncodingContainer<Nested>(storage: self.storage, isNested: true))
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        UnsupportedContainer(column: key.stringValue)
    }

    mutating func superEncoder() -> any Encoder { RowEncoder(storage: self.storage, column: "super") }

    mutating func superEncoder(forKey key: Key) -> any Encoder {
        RowEncoder(storage: self.storage, column: key.stringValue)
    }
}

private struct ValueEncodingContainer: SingleValueEncodingContainer {
    let storage: RowStorage
    let column: String
    var codingPath: [any CodingKey] { [] }

    func encodeNil() throws { self.storage.set(self.column, .null) }

    func encode<T: Encodable>(_ value: T) throws {
        switch value {
        case let value as String: self.storage.set(self.column, .text(value))
        case let value as Identifier: self.storage.set(self.column, .uuid(value))
        case let value as Date: self.storage.set(self.column, .timestamp(value))
        case let value as Bool: self.storage.set(self.column, .bool(value))
        case let value as Double: self.storage.set(self.column, .double(value))
        case let value as Float: self.storage.set(self.column, .double(Double(value)))
        case let value as [UInt8]: self.storage.set(self.column, .bytes(value))
        case let value as Data: self.storage.set(self.column, .bytes([UInt8](value)))
        case let value as any BinaryInteger:
            guard let number = Int64(exactly: value) else {
                throw RepositoryError(.invalidValue, "\(self.column) does not fit into 64 bits")
            }
            self.storage.set(self.column, .int(number))
        default:
            try value.encode(to: RowEncoder(storage: self.storage, column: self.column))
        }
    }
}

private struct UnsupportedContainer: UnkeyedEncodingContainer {
    let column: String
    var codingPath: [any CodingKey] { [] }
    var count: Int { 0 }

    mutating func encodeNil() throws { throw unsupported(self.column) }
    mutating func encode<T: Encodable>(_ value: T) throws { throw unsupported(self.column) }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(RowEncodingContainer<Nested>(storage: RowStorage(columns: []), isNested: true))
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { self }
    mutating func superEncoder() -> any Encoder { RowEncoder(storage: RowStorage(columns: []), column: self.column) }
}
