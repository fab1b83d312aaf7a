// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a subscription wants to hear: a topic in which `*` stands for one word and `#` for zero or more words.
///
/// The rules are those of an AMQP topic exchange (AMQP 0-9-1 §3.1.3.3): `user.*` matches `user.created` but not `user`;
/// `user.#` matches `user`, `user.created` and `user.address.changed`.
public struct TopicPattern: Hashable, Sendable {
    /// The words with the dots between them.
    public let text: String

    /// Checks a text and makes a pattern of it.
    ///
    /// - Throws: ``BusError`` with code `invalidTopic` that names the rule the text breaks.
    public init(_ text: String) throws(BusError) {
        if let problem = Topic.problem(of: text, allowingWildcards: true) {
            throw BusError(.invalidTopic, "topic pattern \(problem)")
        }
        self.text = text
    }

    /// The pattern that matches one topic and nothing else.
    public init(_ topic: Topic) {
        self.text = topic.name
    }

    /// The words, in order.
    public var words: [Substring] { self.text.words }

    /// Whether the pattern matches a topic.
    public func matches(_ topic: Topic) -> Bool {
        TopicPattern.match(self.words[...], topic.words[...])
    }

    private static func match(_ pattern: ArraySlice<Substring>, _ topic: ArraySlice<Substring>) -> Bool {
        // The classic glob walk: remember the last `#` and how much it has swallowed, so that the cost stays
        // pattern × topic however many `#` there are.
        var patternIndex = pattern.startIndex
        var topicIndex = topic.startIndex
        var restart: (pattern: Int, topic: Int)?
        while topicIndex < topic.endIndex {
            if patternIndex < pattern.endIndex, pattern[patternIndex] == "#" {
                restart = (patternIndex + 1, topicIndex)
                patternIndex += 1
            } else if patternIndex < pattern.endIndex,
                pattern[patternIndex] == "*" || pattern[patternIndex].utf8.elementsEqual(topic[topicIndex].utf8)
            {
                patternIndex += 1
                topicIndex += 1
            } else if let point = restart {
                restart = (point.pattern, point.topic + 1)
                patternIndex = point.pattern
                topicIndex = point.topic + 1
            } else {
                return false
            }
        }
        return pattern[patternIndex...].allSatisfy { $0 == "#" }
    }
}

extension TopicPattern: ExpressibleByStringLiteral {
    /// Makes a pattern of a literal; a literal that is no pattern is a programming error and traps.
    public init(stringLiteral text: String) {
        let problem = Topic.problem(of: text, allowingWildcards: true)
        precondition(problem == nil, "topic pattern literal \(problem ?? "")")
        self.text = text
    }
}

extension TopicPattern: CustomStringConvertible {
    /// The text.
    public var description: String { self.text }
}
