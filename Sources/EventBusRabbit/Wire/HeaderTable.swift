// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// The headers of a message as they travel: values stay encoded until somebody asks, so that copies keep even what this
/// library cannot read, and nothing that a producer nests can exhaust a stack.
struct HeaderTable: Sendable {
    struct Entry: Sendable {
        let name: String
        /// The value with its type octet.
        fileprivate let encoded: ByteBuffer
    }

    private(set) var entries: [Entry] = []

    init() {}

    /// Splits a table, without the length in front of it, into its entries.
    init(parsing bytes: ByteBuffer) throws(WireError) {
        var bytes = bytes
        while bytes.readableBytes > 0 {
            guard let name = bytes.readShortString(),
                let type = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self)
            else {
                throw WireError(.malformedTable, "name that is cut off")
            }
            let length = try bytes.fieldLength(ofType: type, at: bytes.readerIndex + 1)
            guard let encoded = bytes.readSlice(length: 1 + length) else {
                throw WireError(.malformedTable, "value that is cut off")
            }
            self.entries.append(Entry(name: name, encoded: encoded))
        }
    }

    /// How many bytes the table takes, the length in front of it included.
    var encodedLength: Int {
        self.entries.reduce(4) { $0 + 1 + $1.name.utf8.count + $1.encoded.readableBytes }
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
        var encoded = ByteBuffer()
        encoded.writeFieldValue(value)
        self.entries.append(Entry(name: name, encoded: encoded))
    }

    mutating func removeAll(where shouldRemove: (String) -> Bool) {
        self.entries.removeAll { shouldRemove($0.name) }
    }
}

extension ByteBuffer {
    /// Writes a table with its length in front.
    mutating func writeTable(_ table: HeaderTable) {
        self.writeInteger(UInt32(table.encodedLength - 4))
        for entry in table.entries {
            self.writeInteger(UInt8(truncatingIfNeeded: entry.name.utf8.count))
            self.writeString(entry.name)
            self.writeImmutableBuffer(entry.encoded)
        }
    }
}
