// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The edges of a trie in one hash table, from a node and the number of a word to a child node.
struct EdgeTable: Sendable {
    private struct Edge: Sendable {
        var key: UInt64 = 0
        /// Zero if the slot is free.
        var child: UInt32 = 0
    }

    /// The number of slots is a power of two and at least twice the number of edges.
    private var slots = Array(repeating: Edge(), count: 16)
    private var count = 0

    /// The child of a node for a word; zero if there is none.
    func child(of node: UInt32, word: UInt32) -> UInt32 {
        let key = Self.key(node, word)
        var slot = self.slot(of: key)
        while self.slots[slot].child != 0 {
            if self.slots[slot].key == key { return self.slots[slot].child }
            slot = (slot + 1) & (self.slots.count - 1)
        }
        return 0
    }

    /// Adds an edge that does not exist yet.
    mutating func add(_ child: UInt32, to node: UInt32, word: UInt32) {
        self.count += 1
        if self.count * 2 > self.slots.count {
            let edges = self.slots
            self.slots = Array(repeating: Edge(), count: edges.count * 2)
            for edge in edges where edge.child != 0 { self.place(edge) }
        }
        self.place(Edge(key: Self.key(node, word), child: child))
    }

    private mutating func place(_ edge: Edge) {
        var slot = self.slot(of: edge.key)
        while self.slots[slot].child != 0 { slot = (slot + 1) & (self.slots.count - 1) }
        self.slots[slot] = edge
    }

    private static func key(_ node: UInt32, _ word: UInt32) -> UInt64 { UInt64(node) << 32 | UInt64(word) }

    /// Uses Fibonacci hashing, in which the high bits of the product are well mixed.
    private func slot(of key: UInt64) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & (self.slots.count - 1)
    }
}
