// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Reads from memory while it is accessible; every read is checked against its end.
struct ByteReader {
    private let memory: UnsafeRawBufferPointer
    /// How many bytes have been read.
    private(set) var position = 0

    init(_ memory: UnsafeRawBufferPointer) {
        self.memory = memory
    }

    /// A big-endian number; `nil` if it is truncated.
    @inline(__always)
    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type = Value.self) -> Value? {
        guard MemoryLayout<Value>.size <= self.memory.count - self.position else { return nil }
        defer { self.position += MemoryLayout<Value>.size }
        return Value(bigEndian: self.memory.loadUnaligned(fromByteOffset: self.position, as: Value.self))
    }

    /// This many bytes; `nil` if there are fewer.
    @inline(__always)
    mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count <= self.memory.count - self.position else { return nil }
        defer { self.position += count }
        return UnsafeRawBufferPointer(rebasing: self.memory[self.position..<self.position + count])
    }

    /// The bytes of a string after one byte for its length (AMQP 0-9-1 §4.2.5.3); `nil` if it is truncated.
    @inline(__always)
    mutating func shortString() -> UnsafeRawBufferPointer? {
        self.integer(UInt8.self).flatMap { self.bytes(Int($0)) }
    }
}
