// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Finds the targets whose patterns match a topic, for backends whose transport does not route messages itself.
///
/// ```swift
/// var router = TopicRouter<SubscriptionName>()
/// router.bind("payments.accounts", to: "user.*")
/// let names = router.targets(of: "user.created")
/// ```
///
/// Looking up a new topic costs time in proportion to its words and to the patterns that match, not to the total number of
/// patterns. Looking up a recently used topic costs time in proportion to its length only.
public struct TopicRouter<Target: Hashable & Sendable>: Sendable {
    @usableFromInline struct Answer: Sendable {
        @usableFromInline let topic: Topic
        @usableFromInline let targets: [Target]

        @inlinable init(topic: Topic, targets: [Target]) {
            self.topic = topic
            self.targets = targets
        }
    }

    // Visible to inlinable code, so that other modules can specialize the router for their targets.
    @usableFromInline var trie = TopicTrie()
    @usableFromInline var targets: [Target] = []
    private var numbers: [Target: Int] = [:]
    @usableFromInline var remembered: [Answer?] = []
    /// For each pair of places, the hashes of the last two topics that were looked up there without being remembered.
    @usableFromInline var candidates: [UInt64] = []

    /// Creates a router without patterns.
    public init() {}

    /// Binds a target to a pattern; binding it again has no effect.
    public mutating func bind(_ target: Target, to pattern: TopicPattern) {
        let number = self.numbers[target] ?? self.targets.count
        if number == self.targets.count {
            self.targets.append(target)
            self.numbers[target] = number
        }
        self.trie.insert(pattern, for: number)
        self.remembered = []
    }

    /// Takes a pattern away from a target; does nothing if it is not bound to it.
    public mutating func unbind(_ target: Target, from pattern: TopicPattern) {
        guard let number = self.numbers[target] else { return }
        self.trie.remove(pattern, for: number)
        self.remembered = []
    }

    /// Takes all patterns away from a target.
    public mutating func unbindAll(of target: Target) {
        guard let number = self.numbers[target] else { return }
        self.trie.removeAll(for: number)
        self.remembered = []
    }

    /// Returns the targets of a topic, each once, however many of its patterns match.
    @inlinable
    public mutating func targets(of topic: Topic) -> [Target] {
        let hash = TopicTrie.hash(of: topic)
        if self.remembered.isEmpty { self.forget(places: TopicTrie.fewestPlaces) }
        let place = Int(truncatingIfNeeded: hash) & (self.remembered.count - 1)
        // Several topics can share a place, so each topic has four; the first one nearly always has the answer.
        var free: Int?
        for way in 0..<4 {
            guard let answer = self.remembered[place ^ way] else {
                free = place ^ way
                break
            }
            if answer.topic == topic { return answer.targets }
        }
        self.trie.match(topic)
        let targets = self.targets
        let found = self.trie.found.map { targets[Int($0)] }
        // A topic is remembered at its second lookup: one that is used only once must not replace one that is in use.
        let pair = place & ~1
        if self.candidates[pair] == hash || self.candidates[pair + 1] == hash {
            if free == nil, self.remembered.count < TopicTrie.mostPlaces {
                // Most programs use few topics, and most buses of tests live briefly: the memory grows when it is needed.
                self.forget(places: self.remembered.count * 8)
            } else {
                self.remembered[free ?? place] = Answer(topic: topic, targets: found)
            }
        } else {
            self.candidates[pair + 1] = self.candidates[pair]
            self.candidates[pair] = hash
        }
        return found
    }

    @usableFromInline mutating func forget(places: Int) {
        self.remembered = Array(repeating: nil, count: places)
        self.candidates = Array(repeating: 0, count: places)
    }
}
