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
    private struct Answer: Sendable {
        let topic: Topic
        let targets: [Target]
    }

    /// How many answers are remembered, a power of two; made-up topics push each other out and cannot fill the memory.
    private static var places: Int { 4096 }

    private var trie = TopicTrie()
    private var targets: [Target] = []
    private var numbers: [Target: Int] = [:]
    private var remembered: [Answer?] = []

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
    public mutating func targets(of topic: Topic) -> [Target] {
        if self.remembered.isEmpty { self.remembered = Array(repeating: nil, count: Self.places) }
        let place = Int(truncatingIfNeeded: topic.name.withBytes(\.hash64)) & (Self.places - 1)
        if let answer = self.remembered[place], answer.topic == topic { return answer.targets }
        var found: [Target] = []
        let targets = self.targets
        self.trie.match(topic) { found.append(targets[$0]) }
        self.remembered[place] = Answer(topic: topic, targets: found)
        return found
    }
}
