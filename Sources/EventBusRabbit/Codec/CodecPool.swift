// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import CEventBusRabbitMQ
import NIOCore

/// The memory that librabbitmq decodes into; confined to the event loop of one connection.
final class CodecPool {
    private let pool: UnsafeMutablePointer<amqp_pool_t>

    init() {
        self.pool = .allocate(capacity: 1)
        init_amqp_pool(self.pool, 4096)
    }

    deinit {
        empty_amqp_pool(self.pool)
        self.pool.deallocate()
    }

    /// Decodes with the pool, which is recycled when `body` returns, so that no pointer into it may escape.
    func decoding<Result>(
        _ bytes: ByteBuffer,
        _ body: (UnsafeMutablePointer<amqp_pool_t>, amqp_bytes_t) throws -> Result
    ) throws -> Result {
        defer { recycle_amqp_pool(self.pool) }
        return try bytes.withUnsafeReadableBytes { raw in
            // The decoder only reads, although the C type is not const.
            let start = UnsafeMutableRawPointer(mutating: raw.baseAddress)
            return try body(self.pool, amqp_bytes_t(len: raw.count, bytes: start))
        }
    }
}

extension String {
    /// Copies a string out of librabbitmq's memory; bytes that are not UTF-8 are replaced.
    init(_ bytes: amqp_bytes_t) {
        self.init(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }

    /// Copies the text of a table's entry; `nil` if there is none.
    init?(_ table: amqp_table_t, at key: String) {
        let entries = UnsafeBufferPointer(start: table.entries, count: Int(table.num_entries))
        guard
            let entry = entries.first(where: { String($0.key) == key }),
            UInt32(entry.value.kind) == AMQP_FIELD_KIND_UTF8.rawValue
        else { return nil }
        self.init(entry.value.value.bytes)
    }
}

/// Passes strings in the form that librabbitmq expects, valid until `body` returns.
func withCBytes<Result>(
    _ strings: [String],
    _ body: ([amqp_bytes_t]) throws -> Result
) rethrows -> Result {
    var storage: [UInt8] = []
    var ranges: [Range<Int>] = []
    for string in strings {
        let start = storage.count
        storage.append(contentsOf: string.utf8)
        ranges.append(start..<storage.count)
    }
    // An empty array may have no address, but librabbitmq copies from the address even if the length is 0.
    storage.append(0)
    return try storage.withUnsafeMutableBytes { raw in
        try body(
            ranges.map { range in
                amqp_bytes_t(len: range.count, bytes: raw.baseAddress.map { $0 + range.lowerBound })
            }
        )
    }
}
