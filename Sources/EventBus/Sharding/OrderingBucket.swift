// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// To which shard an ordering key belongs, however many there are.
///
/// Publishers know nothing of shards: they say which of 64 buckets a key is in, and each subscription has its shards take turns at
/// the buckets. It is part of the wire contract, so that every language can compute it: the CRC-32 of zlib, modulo 64.
package enum OrderingBucket {
    /// As many as a subscription can have shards.
    package static let count = 64

    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
    private static let texts = (0..<Self.count).map { "\($0)" }

    package static func of(_ key: String) -> Int {
        var key = key
        return key.withUTF8 { bytes in
            Self.table.withUnsafeBufferPointer { table in
                var sum = UInt32.max
                for byte in bytes { sum = sum >> 8 ^ table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] }
                return Int(~sum % UInt32(Self.count))
            }
        }
    }

    /// The bucket as it travels.
    package static func text(of key: String) -> String { Self.texts[Self.of(key)] }

    /// The buckets of a shard, counted from 0; the first is its own number.
    package static func all(ofShard shard: Int, of shards: Int) -> [Int] {
        Array(stride(from: shard, to: Self.count, by: shards))
    }
}
