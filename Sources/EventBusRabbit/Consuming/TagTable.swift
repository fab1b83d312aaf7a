// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Values by delivery tag.
///
/// Tags rise by one, and most leave in the order in which they came: each has a place in a ring, and one that is still there
/// when the ring has come round is kept aside. So nothing is hashed, and a delivery that stays for hours makes nothing grow.
struct TagTable<Value> {
    private struct Entry {
        let tag: UInt64
        var value: Value
    }

    private var ring: [Entry?]
    private var aside: [UInt64: Value] = [:]
    private(set) var count = 0

    /// - Parameter capacity: how many values are expected at the same time.
    init(capacity: Int) {
        // A power of two, so that a tag's place is found without a division.
        let places = 1 << (Int.bitWidth - max(1, capacity - 1).leadingZeroBitCount)
        self.ring = Array(repeating: nil, count: places)
    }

    var isEmpty: Bool { self.count == 0 }

    subscript(tag: UInt64) -> Value? {
        let place = self.place(of: tag)
        if let entry = self.ring[place], entry.tag == tag { return entry.value }
        return self.aside.isEmpty ? nil : self.aside[tag]
    }

    /// Adds a value for a tag that has none.
    mutating func insert(_ value: Value, for tag: UInt64) {
        let place = self.place(of: tag)
        if let old = self.ring[place] { self.aside[old.tag] = old.value }
        self.ring[place] = Entry(tag: tag, value: value)
        self.count += 1
    }

    /// Removes the value of a tag; `nil` when there is none.
    @discardableResult
    mutating func remove(_ tag: UInt64) -> Value? {
        let place = self.place(of: tag)
        if self.ring[place]?.tag == tag {
            self.count -= 1
            return self.ring[place].take()?.value
        }
        guard !self.aside.isEmpty, let value = self.aside.removeValue(forKey: tag) else { return nil }
        self.count -= 1
        return value
    }

    mutating func removeAll() {
        self = TagTable(capacity: self.ring.count)
    }

    private func place(of tag: UInt64) -> Int { Int(truncatingIfNeeded: tag) & (self.ring.count - 1) }
}
