// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Writes to memory that is known to be large enough; a write beyond its end traps.
struct ByteWriter {
    private let memory: UnsafeMutableRawBufferPointer
    /// How many bytes have been written.
    private(set) var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
    }

    @inline(__always)
    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        // The buffer checks this only in debug builds.
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

    /// Writes a string of at most 255 bytes, with its length in one byte before it (AMQP 0-9-1 §4.2.5.3).
    mutating func shortString(_ text: String) {
        self.integer(UInt8(text.utf8.count))
        self.text(text)
    }

    /// Writes a table entry whose value is text.
    mutating func field(_ name: HeaderName, _ text: String) {
        self.name(name, type: "S")
        self.integer(UInt32(text.utf8.count))
        self.text(text)
    }

    /// Writes a table entry whose value is a number.
    mutating func field(_ name: HeaderName, _ number: Int64) {
        self.name(name, type: "l")
        self.integer(number)
    }

    /// Writes what `body` writes, with its length in four bytes before it.
    mutating func sized(_ body: (inout ByteWriter) -> Void) {
        let start = self.count
        self.integer(UInt32(0))
        body(&self)
        self.set(UInt32(self.count - start - 4), at: start)
    }

    /// Writes a frame whose payload is what `body` writes.
    mutating func frame(_ kind: Frame.Kind, _ channel: UInt16, _ body: (inout ByteWriter) -> Void) {
        self.integer(kind.rawValue)
        self.integer(channel)
        self.sized(body)
        self.integer(Frame.end)
    }

    private mutating func name(_ header: HeaderName, type: Unicode.Scalar) {
        let name = header.text
        self.integer(UInt8(name.utf8CodeUnitCount))
        name.withUTF8Buffer { self.bytes(UnsafeRawBufferPointer($0)) }
        self.integer(UInt8(ascii: type))
    }

    private mutating func text(_ text: String) {
        // A string that is stored contiguously, as nearly all are, is neither copied nor retained.
        if text.utf8.withContiguousStorageIfAvailable({ self.bytes(UnsafeRawBufferPointer($0)) }) == nil {
            Array(text.utf8).withUnsafeBytes { self.bytes($0) }
        }
    }

    private func set(_ value: UInt32, at place: Int) {
        self.memory.storeBytes(of: value.bigEndian, toByteOffset: place, as: UInt32.self)
    }
}
