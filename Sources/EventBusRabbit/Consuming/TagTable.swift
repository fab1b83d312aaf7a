// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Values by delivery tag.
///
/// Tags rise by one, and most leave in the order in which they came: each has a place in a ring, and one that is still there when
/// its place is needed again moves to a dictionary. So nearly nothing is hashed, and a delivery that stays for hours does not make
/// the table grow.
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
        // A power of two, so that the place of a tag is found without a division.
        let places = 1 << (Int.bitWidth - max(1, capacity - 1).leadingZeroBitCount)
        self.ring = Array(repeating: nil, count: places)
    }

    subscript(tag: UInt64) -> Value? {
        let place = self.place(of: tag)
        if let entry = self.ring[place], entry.tag == tag { return entry.value }
        return self.aside.isEmpty ? nil : self.aside[tag]
    }

    func contains(_ tag: UInt64) -> Bool {
        if let entry = self.ring[self.place(of: tag)], entry.tag == tag { return true }
        return !self.aside.isEmpty && self.aside[tag] != nil
    }

    /// Changes the value of a tag; does nothing and returns `nil` when there is none.
    @discardableResult
    mutating func update<Result>(_ tag: UInt64, _ body: (inout Value) -> Result) -> Result? {
        let place = self.place(of: tag)
        if var entry = self.ring[place], entry.tag == tag {
            defer { self.ring[place] = entry }
            return body(&entry.value)
        }
        guard !self.aside.isEmpty, var value = self.aside[tag] else { return nil }
        defer { self.aside[tag] = value }
        return body(&value)
    }

    /// Adds a value for a tag that has none.
    mutating func insert(_ value: Value, for tag: UInt64) {
        let place = self.place(of: tag)
        if let old = self.ring[place] { self.aside[old.tag] = old.value }
        self.ring[place] = Entry(tag: tag, value: value)
        self.count += 1
    }

    /// Removes the value of a tag; returns `nil` when there is none.
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
