// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

@Suite("Buckets of ordering keys")
struct OrderingBucketTests {
    /// As `zlib.crc32(key.encode()) % 64` in Python.
    @Test(
        "The bucket of a key is the same in every language",
        arguments: [
            ("", 0), ("123456789", 38), ("key-1", 58), ("user-42", 51), ("ä", 3),
            ("550e8400-e29b-41d4-a716-446655440000", 49),
        ]
    )
    func known(key: String, bucket: Int) {
        #expect(OrderingBucket.of(key) == bucket)
        #expect(OrderingBucket.text(of: key) == "\(bucket)")
    }

    @Test(
        "Each bucket belongs to one shard, and the first one of a shard has its number",
        arguments: [1, 2, 5, 48, 64]
    )
    func shards(count: Int) {
        let buckets = (0..<count).map { OrderingBucket.all(ofShard: $0, of: count) }
        #expect(buckets.map(\.first) == Array(0..<count))
        #expect(buckets.joined().sorted() == Array(0..<64))
        #expect(buckets.allSatisfy { shard in shard.allSatisfy { $0 % count == shard[0] } })
    }
}
