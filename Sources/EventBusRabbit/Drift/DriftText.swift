// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Values of arguments, in words.
enum DriftText {
    static func value(_ value: HeaderValue?) -> String {
        switch value {
        case nil, .null?: "none"
        case .string(let text)?: "'\(text)'"
        case .int(let number)?: "\(number)"
        case .bool(let flag)?: "\(flag)"
        case .double(let number)?: "\(number)"
        case .timestamp(let date)?: "\(date)"
        case .bytes(let bytes)?: "\(bytes.count) bytes"
        case .array(let values)?: "[\(values.map(self.value).joined(separator: ", "))]"
        case .table(let entries)?: self.table(entries)
        }
    }

    /// In the order of the names, so that the same table is always the same text.
    static func table(_ entries: [String: HeaderValue]) -> String {
        entries.isEmpty
            ? "none"
            : entries.sorted { $0.key < $1.key }.map { "\($0.key)=\(self.value($0.value))" }.joined(separator: ", ")
    }

    static func binding(_ binding: TopologyBinding) -> String {
        "binding of \(binding.isToExchange ? "exchange" : "queue") \(binding.destination) to \(binding.source) with '\(binding.key)'"
    }
}
