// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Writes to memory that is known to be large enough: every write is checked against its end, and traps beyond it.
struct WireCursor {
    private let memory: UnsafeMutableRawBufferPointer
    /// How many bytes have been written.
    private(set) var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
    }

    @inline(__always)
    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        // Checked by the buffer in debug builds only.
        precondition(MemoryLayout<Value>.size <= self.memory.count - self.count)
        self.memory.storeBytes(of: value.bigEndian, toByteOffset: self.count, as: Value.self)
        self.count += MemoryLayout<Value>.size
    }

    mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= self.memory.count - self.count)
        guard let source = bytes.baseAddress, let target = self.memory.baseAddress else { return }
        (target + self.count).copyMemory(from: source, byteCount: bytes.count)
        self.count += bytes.count
    }

    mutating func bytes(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { self.bytes($0) }
    }

    /// A string with one octet for its length, of which it has 255 bytes at most (AMQP 0-9-1 §4.2.5.3).
    mutating func shortString(_ text: String) {
        self.integer(UInt8(text.utf8.count))
        self.text(text)
    }

    /// An entry of a table whose value is text.
    mutating func field(_ name: StaticString, _ text: String) {
        self.name(name, type: "S")
        self.integer(UInt32(text.utf8.count))
        self.text(text)
    }

    /// An entry of a table whose value is a number.
    mutating func field(_ name: StaticString, _ number: Int64) {
        self.name(name, type: "l")
        self.integer(number)
    }

    /// What `body` writes, with four octets for its length in front.
    mutating func sized(_ body: (inout WireCursor) -> Void) {
        let start = self.count
        self.integer(UInt32(0))
        body(&self)
        self.set(UInt32(self.count - start - 4), at: start)
    }

    /// A frame with what `body` writes as its payload.
    mutating func frame(_ kind: Frame.Kind, _ channel: UInt16, _ body: (inout WireCursor) -> Void) {
        self.integer(kind.rawValue)
        self.integer(channel)
        self.sized(body)
        self.integer(Frame.end)
    }

    private mutating func name(_ name: StaticString, type: Unicode.Scalar) {
        self.integer(UInt8(name.utf8CodeUnitCount))
        name.withUTF8Buffer { self.bytes(UnsafeRawBufferPointer($0)) }
        self.integer(UInt8(ascii: type))
    }

    private mutating func text(_ text: String) {
        var text = text
        text.withUTF8 { self.bytes(UnsafeRawBufferPointer($0)) }
    }

    private func set(_ value: UInt32, at place: Int) {
        self.memory.storeBytes(of: value.bigEndian, toByteOffset: place, as: UInt32.self)
    }
}
