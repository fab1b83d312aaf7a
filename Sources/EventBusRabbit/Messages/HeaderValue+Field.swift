// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension FieldValue {
    /// The encoded form of a header's value.
    init(_ value: HeaderValue) {
        self =
            switch value {
            case .string(let value): .string(value)
            case .int(let value): .int(value)
            case .bool(let value): .bool(value)
            case .double(let value): .double(value)
            case .timestamp(let date): .timestamp(UInt64(seconds: date))
            case .bytes(let value): .bytes(value)
            case .array(let values): .array(values.map(FieldValue.init))
            case .table(let entries): .table(entries.sorted { $0.key < $1.key }.map { ($0.key, FieldValue($0.value)) })
            case .null: .void
            }
    }
}

extension HeaderValue {
    /// The value of a received header.
    init(_ value: FieldValue) {
        self =
            switch value {
            case .string(let value): .string(value)
            case .int(let value): .int(value)
            case .bool(let value): .bool(value)
            case .double(let value): .double(value)
            case .timestamp(let seconds): .timestamp(Date(seconds: seconds))
            case .bytes(let value): .bytes(value)
            case .array(let values): .array(values.map(HeaderValue.init))
            case .table(let entries):
                .table(Dictionary(entries.map { ($0.0, HeaderValue($0.1)) }) { first, _ in first })
            case .void: .null
            }
    }
}

extension UInt64 {
    /// Whole seconds since 1970; a date that AMQP cannot carry becomes the nearest one that it can.
    init(seconds date: Date) {
        let seconds = date.timeIntervalSince1970
        self = seconds.isFinite ? UInt64(seconds.rounded(.down).clamped(to: 0...1e18)) : 0
    }
}

extension Date {
    init(seconds: UInt64) {
        self.init(timeIntervalSince1970: Double(seconds))
    }
}

extension Double {
    fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
        Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}
