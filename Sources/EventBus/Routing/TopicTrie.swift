// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A trie of patterns over words, in which a topic can reach several nodes at the same time.
///
/// A lookup passes over the words of the topic once and visits each reached node once per word, so no combination of `#` causes
/// backtracking.
@usableFromInline
struct TopicTrie: Sendable {
    private struct Node: Sendable {
        /// The child nodes for `*` and `#`; zero means none, as the root is nobody's child.
        var star: UInt32 = 0
        var hash: UInt32 = 0
        /// Whether the word that leads here is `#`, so that the node remains reached by any further word.
        var isHash = false
        /// The node's first target: an index of `links` plus one, or zero for none.
        var firstLink: UInt32 = 0
        /// For a `#` node, the last step in which it was reached, because it can be reached in two ways.
        var step: UInt64 = 0
    }

    private struct Link: Sendable {
        let target: UInt32
        /// The node's next target, encoded like `firstLink`.
        var next: UInt32
    }

    private var words = WordTable()
    private var edges = EdgeTable()
    private var nodes = [Node()]
    private var links: [Link] = []
    /// For each target, the last step in which it was added to `found`.
    private var told: [UInt64] = []
    private var step: UInt64 = 0
    private var reached: [UInt32] = []
    private var earlier: [UInt32] = []
    /// The targets of the last topic that was looked up.
    @usableFromInline private(set) var found: [UInt32] = []

    /// Adds a pattern for a target, which is a small number; adding it again has no effect.
    mutating func insert(_ pattern: TopicPattern, for target: Int) {
        var node: UInt32 = 0
        for word in pattern.words { node = self.child(of: node, behind: word) }
        while self.told.count <= target { self.told.append(0) }
        var link = self.nodes[Int(node)].firstLink
        while link != 0 {
            if self.links[Int(link) - 1].target == target { return }
            link = self.links[Int(link) - 1].next
        }
        self.links.append(Link(target: UInt32(target), next: self.nodes[Int(node)].firstLink))
        self.nodes[Int(node)].firstLink = UInt32(self.links.count)
    }

    /// Removes a pattern of a target; does nothing when it has no such pattern.
    mutating func remove(_ pattern: TopicPattern, for target: Int) {
        var node: UInt32 = 0
        for word in pattern.words {
            guard let child = self.knownChild(of: node, behind: word) else { return }
            node = child
        }
        self.unlink(target, from: Int(node))
    }

    /// Removes all patterns of a target.
    mutating func removeAll(for target: Int) {
        for node in self.nodes.indices { self.unlink(target, from: node) }
    }

    /// Takes a target out of a node's list; its place in `links` stays unused.
    private mutating func unlink(_ target: Int, from node: Int) {
        var previous: Int?
        var link = self.nodes[node].firstLink
        while link != 0 {
            let place = Int(link) - 1
            link = self.links[place].next
            guard self.links[place].target == target else {
                previous = place
                continue
            }
            if let previous { self.links[previous].next = link } else { self.nodes[node].firstLink = link }
            return
        }
    }

    /// How many answers a router remembers, both powers of two; the limit keeps arbitrary topics from filling the memory.
    @usableFromInline static let fewestPlaces = 64
    @usableFromInline static let mostPlaces = 4096

    @usableFromInline
    static func hash(of topic: Topic) -> UInt64 { topic.name.withBytes(\.hash64) }

    /// Looks up the targets of a topic and stores each of them once in ``found``.
    @usableFromInline
    mutating func match(_ topic: Topic) {
        topic.name.withBytes { bytes in
            self.reached.removeAll(keepingCapacity: true)
            self.step += 1
            self.reach(0)
            var start = 0
            while start <= bytes.count, !self.reached.isEmpty {
                var end = start
                while end < bytes.count, bytes[end] != UInt8(ascii: ".") { end += 1 }
                self.advance(by: self.words.number(of: UnsafeBufferPointer(rebasing: bytes[start..<end])))
                start = end + 1
            }
        }
        self.collect()
    }

    // MARK: Steps

    private func knownChild(of node: UInt32, behind word: Substring) -> UInt32? {
        let known: UInt32
        switch word {
        case "*": known = self.nodes[Int(node)].star
        case "#": known = self.nodes[Int(node)].hash
        default:
            let number = String(word).withBytes { self.words.number(of: $0) }
            known = number.map { self.edges.child(of: node, word: $0) } ?? 0
        }
        return known == 0 ? nil : known
    }

    private mutating func child(of node: UInt32, behind word: Substring) -> UInt32 {
        if let known = self.knownChild(of: node, behind: word) { return known }
        let child = UInt32(self.nodes.count)
        self.nodes.append(Node(isHash: word == "#"))
        switch word {
        case "*": self.nodes[Int(node)].star = child
        case "#": self.nodes[Int(node)].hash = child
        default: self.edges.add(child, to: node, word: self.words.add(String(word)))
        }
        return child
    }

    /// Advances from the reached nodes by one word, which has no number if it occurs in no pattern.
    private mutating func advance(by word: UInt32?) {
        swap(&self.reached, &self.earlier)
        self.reached.removeAll(keepingCapacity: true)
        self.step += 1
        for place in self.earlier.indices {
            let number = self.earlier[place]
            let node = self.nodes[Int(number)]
            if let word {
                let child = self.edges.child(of: number, word: word)
                if child != 0 { self.reach(child) }
            }
            if node.star != 0 { self.reach(node.star) }
            if node.isHash { self.reachHash(number) }
        }
    }

    /// Marks a node as reached, and its `#` child as well, because `#` also matches zero words.
    private mutating func reach(_ node: UInt32) {
        self.reached.append(node)
        let hash = self.nodes[Int(node)].hash
        if hash != 0 { self.reachHash(hash) }
    }

    /// Does the same as ``reach(_:)`` for a `#` node.
    private mutating func reachHash(_ node: UInt32) {
        guard self.nodes[Int(node)].step != self.step else { return }
        self.nodes[Int(node)].step = self.step
        self.reach(node)
    }

    private mutating func collect() {
        self.found.removeAll(keepingCapacity: true)
        for place in self.reached.indices {
            var link = self.nodes[Int(self.reached[place])].firstLink
            while link != 0 {
                let entry = self.links[Int(link) - 1]
                link = entry.next
                guard self.told[Int(entry.target)] != self.step else { continue }
                self.told[Int(entry.target)] = self.step
                self.found.append(entry.target)
            }
        }
    }
}
