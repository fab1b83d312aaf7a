// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// The headers of a message in their encoded form: copies keep even what this library cannot read, and no nesting that a producer
/// sends can exhaust the stack.
struct HeaderTable: Sendable {
    /// All entries, one after the other, checked once for where each ends.
    private var bytes = ByteBuffer()

    init() {}

    init(_ fields: [(String, HeaderValue)]) {
        for (name, value) in fields { self.append(name, value) }
    }

    /// Checks an encoded table, given without the length before it.
    init(parsing bytes: ByteBuffer) throws(CodecError) {
        var problem: CodecError?
        bytes.withUnsafeReadableBytes { raw in
            do throws(CodecError) { try Self.walk(raw) { _, _ in } } catch { problem = error }
        }
        if let problem { throw problem }
        self.bytes = bytes
    }

    var isEmpty: Bool { self.bytes.readableBytes == 0 }

    /// How many bytes the table takes, including the length before it.
    var encodedLength: Int { 4 + self.bytes.readableBytes }

    /// Calls `body` with the name and the value of each entry; a value starts with the byte for its type.
    ///
    /// - Returns: whether the table could be read to its end.
    static func visit(
        _ table: UnsafeRawBufferPointer,
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        do throws(CodecError) {
            try Self.walk(table) { name, value in
                body(UnsafeRawBufferPointer(rebasing: table[name]), UnsafeRawBufferPointer(rebasing: table[value]))
            }
            return true
        } catch {
            return false
        }
    }

    func contains(_ name: HeaderName) -> Bool {
        self.bytes.withUnsafeReadableBytes { raw in
            var isThere = false
            _ = Self.visit(raw) { found, _ in if HeaderName(utf8: found) == name { isThere = true } }
            return isThere
        }
    }

    mutating func set(_ name: HeaderName, _ value: HeaderValue) {
        self.removeAll([name])
        self.append(name.description, value)
    }

    /// Adds a header that is not in the table yet.
    mutating func append(_ name: String, _ value: HeaderValue) {
        self.bytes.writeField(name, value)
    }

    mutating func removeAll(_ names: Set<HeaderName>) {
        self.keep { name in !(HeaderName(utf8: name).map(names.contains) ?? false) }
    }

    mutating func removeAll(where shouldRemove: (_ name: String) -> Bool) {
        self.keep { name in !shouldRemove(String(decoding: name, as: UTF8.self)) }
    }

    private mutating func keep(where isKept: (_ name: UnsafeRawBufferPointer) -> Bool) {
        var kept = ByteBuffer()
        self.bytes.withUnsafeReadableBytes { raw in
            try? Self.walk(raw) { name, value in
                guard isKept(UnsafeRawBufferPointer(rebasing: raw[name])) else { return }
                // The length of the name is the byte before it.
                kept.writeBytes(raw[(name.lowerBound - 1)..<value.upperBound])
            }
        }
        self.bytes = kept
    }

    fileprivate var encoded: ByteBuffer { self.bytes }

    /// Calls `body` with where each name and each value is; nested values are skipped without recursion.
    private static func walk(
        _ raw: UnsafeRawBufferPointer,
        _ body: (_ name: Range<Int>, _ value: Range<Int>) -> Void
    ) throws(CodecError) {
        var position = 0
        while position < raw.count {
            let name = position + 1..<position + 1 + Int(raw[position])
            guard name.upperBound < raw.count else { throw CodecError(.malformedTable, "truncated name") }
            let start = name.upperBound + 1
            let length = try HeaderValue.length(ofType: raw[name.upperBound]) {
                start + 4 <= raw.count
                    ? UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt32.self)) : nil
            }
            guard start + length <= raw.count else { throw CodecError(.malformedTable, "truncated value") }
            body(name, name.upperBound..<start + length)
            position = start + length
        }
    }
}

extension ByteBuffer {
    /// Writes a table after its length.
    mutating func writeTable(_ table: HeaderTable) {
        self.writeInteger(UInt32(table.encodedLength - 4))
        self.writeImmutableBuffer(table.encoded)
    }
}
