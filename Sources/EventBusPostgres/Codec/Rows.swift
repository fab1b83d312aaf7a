// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The rows of a result, copied from libpq's memory into one flat buffer, so that they can be passed between threads.
struct Rows: Sendable {
    private(set) var count = 0
    let columnCount: Int
    /// Where they begin in the buffer.
    private var first = 0
    private var bytes: [UInt8] = []
    private var cells: [Range<Int>?] = []

    init(columnCount: Int) {
        self.columnCount = columnCount
    }

    mutating func reserve(bytes: Int, rows: Int) {
        self.bytes.reserveCapacity(bytes)
        self.cells.reserveCapacity(rows * self.columnCount)
    }

    /// Appends the next cell of the current row; `nil` for NULL.
    mutating func append(_ cell: UnsafeRawBufferPointer?) {
        guard let cell else { return self.cells.append(nil) }
        let start = self.bytes.count
        self.bytes.append(contentsOf: cell)
        self.cells.append(start..<self.bytes.count)
    }

    mutating func endRow() { self.count += 1 }

    subscript(row: Int) -> Row { Row(rows: self, index: row) }

    /// One of the rows, with the buffer of all; none for `nil`.
    func only(_ row: Int?) -> Rows {
        var rows = self
        rows.first += row ?? 0
        rows.count = row == nil ? 0 : 1
        return rows
    }

    private func cell(_ row: Int, _ column: Int) -> Range<Int>? {
        self.cells[(self.first + row) * self.columnCount + column]
    }

    fileprivate func isNull(_ row: Int, _ column: Int) -> Bool { self.cell(row, column) == nil }

    /// Calls `body` with the bytes of a cell, unless it is NULL.
    fileprivate func cell<Value>(_ row: Int, _ column: Int, _ body: (UnsafeRawBufferPointer) -> Value?) -> Value? {
        guard let range = self.cell(row, column) else { return nil }
        return self.bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}

extension Rows: RandomAccessCollection {
    var startIndex: Int { 0 }
    var endIndex: Int { self.count }
}

/// One row.
///
/// The accessors throw if the cell is not of their type, and all but `bytes` also if it is NULL.
struct Row: Sendable {
    fileprivate let rows: Rows
    fileprivate let index: Int

    func bytes(_ column: Int) -> [UInt8]? { self.rows.cell(self.index, column) { Array($0) } }

    func isNull(_ column: Int) -> Bool { self.rows.isNull(self.index, column) }

    func int8(_ column: Int) throws(PostgresError) -> Int64 {
        try self.required(column) { Int64(networkBytes: $0) }
    }

    func int4(_ column: Int) throws(PostgresError) -> Int32 {
        try self.required(column) { Int32(networkBytes: $0) }
    }

    func bool(_ column: Int) throws(PostgresError) -> Bool {
        try self.required(column) { $0.count == 1 ? $0.first == 1 : nil }
    }

    func double(_ column: Int) throws(PostgresError) -> Double {
        try self.required(column) { UInt64(networkBytes: $0).map(Double.init(bitPattern:)) }
    }

    func text(_ column: Int) throws(PostgresError) -> String {
        try self.required(column) { String(exactly: $0) }
    }

    func uuid(_ column: Int) throws(PostgresError) -> Identifier {
        try self.required(column) { Identifier(networkBytes: $0) }
    }

    func timestamp(_ column: Int) throws(PostgresError) -> Date {
        try self.required(column) { bytes in
            guard let sinceEpoch = Int64(networkBytes: bytes),
                case let (whole, overflow) = sinceEpoch.addingReportingOverflow(PostgresType.epoch), !overflow
            else { return nil }
            return Date(timeIntervalSince1970: Double(whole) / 1_000_000)
        }
    }

    /// Whether the first column has the value of a parameter; also if it has another type, which is found out when the row is read.
    func hasKey(_ key: Parameter) -> Bool {
        self.rows.cell(self.index, 0) { key.isWritten(as: $0) } ?? false
    }

    private func required<Value>(
        _ column: Int,
        _ decode: (UnsafeRawBufferPointer) -> Value?
    ) throws(PostgresError) -> Value {
        guard let value = self.rows.cell(self.index, column, decode) else {
            throw PostgresError(.unexpectedData, detail: "a cell has another type than expected", column: column)
        }
        return value
    }
}
