// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// To which shard an ordering key belongs, however many there are.
///
/// Publishers know nothing of shards: they say which of 64 buckets a key is in, and each subscription has its shards take turns at
/// the buckets. It is part of the wire contract, so that every language can compute it: the CRC-32 of zlib, modulo 64.
package enum OrderingBucket {
    /// As many as a subscription can have shards.
    package static let count = 64

    /// Four tables of 256 sums: those of a byte that 0, 1, 2 or 3 zero bytes follow, so that four bytes can be added at once.
    private static let tables: [UInt32] = {
        var tables: [UInt32] = (0..<256).map { (byte: UInt32) -> UInt32 in
            (0..<8).reduce(byte) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
        for index in 256..<1024 {
            let shorter = tables[index - 256]
            tables.append(shorter >> 8 ^ tables[Int(shorter & 0xFF)])
        }
        return tables
    }()
    private static let texts = (0..<Self.count).map { "\($0)" }

    package static func of(_ key: String) -> Int {
        var key = key
        return key.withUTF8 { bytes in
            Self.tables.withUnsafeBufferPointer {
                Int(~Self.sum(of: UnsafeRawBufferPointer(bytes), $0) % UInt32(Self.count))
            }
        }
    }

    private static func sum(of bytes: UnsafeRawBufferPointer, _ tables: UnsafeBufferPointer<UInt32>) -> UInt32 {
        var (sum, offset) = (UInt32.max, 0)
        while offset + 4 <= bytes.count {
            sum ^= UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            sum =
                tables[768 + Int(sum & 0xFF)] ^ tables[512 + Int(sum >> 8 & 0xFF)]
                ^ tables[256 + Int(sum >> 16 & 0xFF)] ^ tables[Int(sum >> 24)]
            offset += 4
        }
        for byte in bytes[offset...] { sum = sum >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] }
        return sum
    }

    /// The bucket as it travels.
    package static func text(of key: String) -> String { Self.texts[Self.of(key)] }

    /// The buckets of a shard, counted from 0; the first is its own number.
    package static func all(ofShard shard: Int, of shards: Int) -> [Int] {
        Array(stride(from: shard, to: Self.count, by: shards))
    }
}
