// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// The headers of a message as they travel: everything stays encoded until somebody asks, so that copies keep even what this
/// library cannot read, and nothing that a producer nests can exhaust a stack.
struct HeaderTable: Sendable {
    struct Entry: Sendable {
        let name: String
        /// The value with its type octet.
        fileprivate let encoded: ByteBuffer
    }

    /// All entries, one after the other; they have been looked through once, so that they can be told apart.
    private var bytes = ByteBuffer()

    init() {}

    init(_ fields: [(String, FieldValue)]) {
        for (name, value) in fields { self.append(name, value) }
    }

    /// Takes a table, without the length in front of it.
    init(parsing bytes: ByteBuffer) throws(WireError) {
        var problem: WireError?
        bytes.withUnsafeReadableBytes { raw in
            do throws(WireError) { try Self.walk(raw) { _, _ in } } catch { problem = error }
        }
        if let problem { throw problem }
        self.bytes = bytes
    }

    var isEmpty: Bool { self.bytes.readableBytes == 0 }

    /// How many bytes the table takes, the length in front of it included.
    var encodedLength: Int { 4 + self.bytes.readableBytes }

    /// Calls `body` with the name of each entry of a table and its value with the type octet.
    ///
    /// - Returns: whether the table could be read to its end.
    static func visit(
        _ table: UnsafeRawBufferPointer,
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        do throws(WireError) {
            try Self.walk(table) { name, value in
                body(UnsafeRawBufferPointer(rebasing: table[name]), UnsafeRawBufferPointer(rebasing: table[value]))
            }
            return true
        } catch {
            return false
        }
    }

    var entries: [Entry] {
        var entries: [Entry] = []
        self.bytes.withUnsafeReadableBytes { raw in
            _ = Self.visit(raw) { name, value in
                entries.append(Entry(name: String(decoding: name, as: UTF8.self), encoded: ByteBuffer(bytes: value)))
            }
        }
        return entries
    }

    /// The value of a header; `nil` when it is missing or cannot be read.
    subscript(name: String) -> FieldValue? {
        self.entries.first { $0.name == name }.flatMap(HeaderTable.value(of:))
    }

    /// The value of an entry; `nil` when it cannot be read.
    static func value(of entry: Entry) -> FieldValue? {
        var encoded = entry.encoded
        return try? encoded.readFieldValue()
    }

    mutating func set(_ name: String, _ value: FieldValue) {
        self.removeAll { $0 == name }
        self.append(name, value)
    }

    /// Adds a header that is not there yet.
    mutating func append(_ name: String, _ value: FieldValue) {
        self.bytes.writeField(name, value)
    }

    mutating func removeAll(where shouldRemove: (String) -> Bool) {
        var kept = ByteBuffer()
        self.bytes.withUnsafeReadableBytes { raw in
            try? Self.walk(raw) { name, value in
                guard !shouldRemove(String(decoding: raw[name], as: UTF8.self)) else { return }
                // The length of the name stands before it.
                kept.writeBytes(raw[(name.lowerBound - 1)..<value.upperBound])
            }
        }
        self.bytes = kept
    }

    fileprivate var encoded: ByteBuffer { self.bytes }

    /// Nested values are skipped as a whole: no recursion.
    private static func walk(
        _ raw: UnsafeRawBufferPointer,
        _ body: (_ name: Range<Int>, _ value: Range<Int>) -> Void
    ) throws(WireError) {
        var position = 0
        while position < raw.count {
            let name = position + 1..<position + 1 + Int(raw[position])
            guard name.upperBound < raw.count else { throw WireError(.malformedTable, "name that is cut off") }
            let start = name.upperBound + 1
            let length = try FieldValue.length(ofType: raw[name.upperBound]) {
                start + 4 <= raw.count
                    ? UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt32.self)) : nil
            }
            guard start + length <= raw.count else { throw WireError(.malformedTable, "value that is cut off") }
            body(name, name.upperBound..<start + length)
            position = start + length
        }
    }
}

extension ByteBuffer {
    /// Writes a table with its length in front.
    mutating func writeTable(_ table: HeaderTable) {
        self.writeInteger(UInt32(table.encodedLength - 4))
        self.writeImmutableBuffer(table.encoded)
    }
}
