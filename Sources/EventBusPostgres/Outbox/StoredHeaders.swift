// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A message's headers as the outbox stores them: JSON in which each value names its type.
enum StoredHeaders {
    /// Returns `nil` if there are no headers.
    static func encode(_ headers: [String: HeaderValue]) throws(PostgresError) -> [UInt8]? {
        guard !headers.isEmpty else { return nil }
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        do {
            return [UInt8](try encoder.encode(headers.mapValues(StoredValue.init)))
        } catch {
            throw PostgresError(.invalidValue, detail: "a message's headers cannot be stored")
        }
    }

    static func decode(_ bytes: [UInt8]?) throws(PostgresError) -> [String: HeaderValue] {
        guard let bytes else { return [:] }
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        do {
            return try decoder.decode([String: StoredValue].self, from: Data(bytes)).mapValues(\.value)
        } catch {
            throw PostgresError(.unexpectedData, detail: "the headers cannot be decoded")
        }
    }
}

private struct StoredValue: Codable {
    private enum Kind: String, CodingKey {
        case string, int, bool, double, timestamp, bytes, array, table, null
    }

    let value: HeaderValue

    init(_ value: HeaderValue) { self.value = value }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Kind.self)
        switch container.allKeys.first {
        case .string: self.value = .string(try container.decode(String.self, forKey: .string))
        case .int: self.value = .int(try container.decode(Int64.self, forKey: .int))
        case .bool: self.value = .bool(try container.decode(Bool.self, forKey: .bool))
        case .double: self.value = .double(try container.decode(Double.self, forKey: .double))
        case .timestamp:
            let seconds = try container.decode(Double.self, forKey: .timestamp)
            self.value = .timestamp(Date(timeIntervalSince1970: seconds))
        case .bytes: self.value = .bytes([UInt8](try container.decode(Data.self, forKey: .bytes)))
        case .array: self.value = .array(try container.decode([StoredValue].self, forKey: .array).map(\.value))
        case .table:
            self.value = .table(try container.decode([String: StoredValue].self, forKey: .table).mapValues(\.value))
        case .null, nil: self.value = .null
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Kind.self)
        switch self.value {
        case .string(let value): try container.encode(value, forKey: .string)
        case .int(let value): try container.encode(value, forKey: .int)
        case .bool(let value): try container.encode(value, forKey: .bool)
        case .double(let value): try container.encode(value, forKey: .double)
        case .timestamp(let value): try container.encode(value.timeIntervalSince1970, forKey: .timestamp)
        case .bytes(let value): try container.encode(Data(value), forKey: .bytes)
        case .array(let values): try container.encode(values.map(StoredValue.init), forKey: .array)
        case .table(let entries): try container.encode(entries.mapValues(StoredValue.init), forKey: .table)
        case .null: try container.encode(true, forKey: .null)
        }
    }
}
