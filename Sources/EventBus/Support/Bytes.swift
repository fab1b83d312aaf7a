// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension UnsafeBufferPointer<UInt8> {
    /// A hash that reads eight bytes at a time.
    ///
    /// It does not resist deliberate collisions, which words chosen by programmers do not need.
    var hash64: UInt64 {
        var hash = UInt64(self.count)
        var place = 0
        while place < self.count {
            var bytes: UInt64 = 0
            if self.count >= 8 {
                // The last eight bytes may overlap the ones before.
                let offset = Swift.min(place, self.count - 8)
                bytes = UnsafeRawBufferPointer(self).loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            } else {
                for byte in self[place...] { bytes = bytes << 8 | UInt64(byte) }
            }
            hash = (hash ^ bytes) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
            place += 8
        }
        return hash
    }

    func hasSameBytes(as other: UnsafeBufferPointer<UInt8>) -> Bool {
        UnsafeRawBufferPointer(self).hasSameBytes(as: UnsafeRawBufferPointer(other))
    }
}

extension UnsafeRawBufferPointer {
    /// Compares eight bytes at a time; some of the last bytes may be compared twice.
    package func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard self.count == other.count else { return false }
        guard self.count >= 8 else { return self.indices.allSatisfy { self[$0] == other[$0] } }
        var place = 0
        while true {
            let left = self.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            let right = other.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            if left != right { return false }
            if place == self.count - 8 { return true }
            place = Swift.min(place + 8, self.count - 8)
        }
    }
}

extension String {
    /// The text whose UTF-8 these bytes are; `nil` if they are not UTF-8.
    ///
    /// Decoding replaces what is not UTF-8. Comparing afterwards costs a fraction of validating before.
    package init?(exactly bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes, as: UTF8.self)
        let isSame = text.withBytes { UnsafeRawBufferPointer($0).hasSameBytes(as: bytes) }
        guard isSame else { return nil }
        self = text
    }

    /// Calls `body` with the UTF-8 of the string, without a copy if it is stored contiguously.
    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        self.utf8.withContiguousStorageIfAvailable(body) ?? Array(self.utf8).withUnsafeBufferPointer(body)
    }

    func hasSameBytes(as other: String) -> Bool {
        self.withBytes { left in other.withBytes { left.hasSameBytes(as: $0) } }
    }

    /// The beginning of the text, at most so many bytes of UTF-8, with no scalar cut in two.
    package func prefix(ofBytes limit: Int) -> String {
        guard self.utf8.count > limit else { return self }
        var length = 0
        return String(
            self.unicodeScalars.prefix {
                length += $0.utf8.count
                return length <= limit
            }
        )
    }
}
