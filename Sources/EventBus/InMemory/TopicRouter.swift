// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Finds the subscriptions whose patterns match a topic: a trie over words, with the answers remembered per topic.
struct TopicRouter<Target: Hashable & Sendable>: Sendable {
    private struct Node: Sendable {
        var children: [Substring: Int] = [:]
        var targets: [Target] = []
        /// Whether the word that leads here is `#`: then the node keeps matching while words go by.
        var isHash = false
    }

    /// Remembered answers are forgotten as a whole above this number of topics, so that made-up topics cannot fill the memory.
    private static var rememberedTopics: Int { 10_000 }

    private var nodes = [Node()]
    private var remembered: [Topic: [Target]] = [:]

    /// Binds a target to a pattern; binding it twice changes nothing.
    mutating func bind(_ target: Target, to pattern: TopicPattern) {
        var node = 0
        for word in pattern.words {
            if let child = self.nodes[node].children[word] {
                node = child
            } else {
                self.nodes.append(Node(isHash: word == "#"))
                self.nodes[node].children[word] = self.nodes.count - 1
                node = self.nodes.count - 1
            }
        }
        guard !self.nodes[node].targets.contains(target) else { return }
        self.nodes[node].targets.append(target)
        self.remembered.removeAll()
    }

    /// The targets of a topic, each once however many of its patterns match.
    mutating func targets(of topic: Topic) -> [Target] {
        if let known = self.remembered[topic] { return known }
        var found: [Target] = []
        var states: Set<Int> = self.closure(of: [0])
        for word in topic.words {
            var next: Set<Int> = []
            for state in states {
                let children = self.nodes[state].children
                if let child = children[word] { next.insert(child) }
                if let child = children["*"] { next.insert(child) }
                if self.nodes[state].isHash { next.insert(state) }
            }
            states = self.closure(of: next)
            if states.isEmpty { break }
        }
        for state in states.sorted() {
            for target in self.nodes[state].targets where !found.contains(target) { found.append(target) }
        }
        if self.remembered.count >= Self.rememberedTopics { self.remembered.removeAll() }
        self.remembered[topic] = found
        return found
    }

    /// Adds what is reached without a word: the node behind a `#`, which also matches zero words.
    private func closure(of states: Set<Int>) -> Set<Int> {
        var all = states
        var open = Array(states)
        while let state = open.popLast() {
            if let child = self.nodes[state].children["#"], all.insert(child).inserted { open.append(child) }
        }
        return all
    }
}
