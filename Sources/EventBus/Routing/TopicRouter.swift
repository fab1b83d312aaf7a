// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Finds whose patterns match a topic, for backends whose transport does not route by itself.
///
/// ```swift
/// var router = TopicRouter<SubscriptionName>()
/// router.bind("payments.accounts", to: "user.*")
/// let names = router.targets(of: "user.created")
/// ```
///
/// The cost of a topic that has not been looked up lately depends on its words and on how many patterns match, not on how
/// many there are; that of one that has depends on nothing but its length.
public struct TopicRouter<Target: Hashable & Sendable>: Sendable {
    @usableFromInline struct Answer: Sendable {
        @usableFromInline let topic: Topic
        @usableFromInline let targets: [Target]

        @inlinable init(topic: Topic, targets: [Target]) {
            self.topic = topic
            self.targets = targets
        }
    }

    // Inlinable, or the compiler of another module could not make special code for its targets.
    @usableFromInline var trie = TopicTrie()
    @usableFromInline var targets: [Target] = []
    private var numbers: [Target: Int] = [:]
    @usableFromInline var remembered: [Answer?] = []
    /// The hashes of the last two topics that were looked up in a pair of places and are not remembered there.
    @usableFromInline var candidates: [UInt64] = []

    /// Makes a router without patterns.
    public init() {}

    /// Binds a target to a pattern; binding it twice changes nothing.
    public mutating func bind(_ target: Target, to pattern: TopicPattern) {
        let number = self.numbers[target] ?? self.targets.count
        if number == self.targets.count {
            self.targets.append(target)
            self.numbers[target] = number
        }
        self.trie.insert(pattern, for: number)
        self.remembered = []
    }

    /// The targets of a topic, each once however many of its patterns match.
    @inlinable
    public mutating func targets(of topic: Topic) -> [Target] {
        let hash = TopicTrie.hash(of: topic)
        let place = Int(truncatingIfNeeded: hash) & (TopicTrie.places - 1)
        if self.remembered.isEmpty {
            self.remembered = Array(repeating: nil, count: TopicTrie.places)
            self.candidates = Array(repeating: 0, count: TopicTrie.places)
        }
        // Several topics may share a place, so there are four for each; nearly always the first one has the answer.
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
        // Only what is asked for twice is worth a place: a topic that is used once must not push out one that is in use.
        let pair = place & ~1
        if self.candidates[pair] == hash || self.candidates[pair + 1] == hash {
            self.remembered[free ?? place] = Answer(topic: topic, targets: found)
        } else {
            self.candidates[pair + 1] = self.candidates[pair]
            self.candidates[pair] = hash
        }
        return found
    }
}
