// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A pattern of topics to subscribe to, in which `*` stands for exactly one word and `#` for zero or more words.
///
/// The rules are those of an AMQP topic exchange (AMQP 0-9-1 §3.1.3.3): `user.*` matches `user.created` but not `user`;
/// `user.#` matches `user`, `user.created` and `user.address.changed`. A pattern has at most two `#`, since RabbitMQ 4.3 binds no others.
public struct TopicPattern: Hashable, Sendable {
    /// The words, separated by dots.
    public let text: String

    /// Creates a pattern from text.
    ///
    /// - Throws: ``BusError`` with code `invalidTopic` that states the violated rule.
    public init(_ text: String) throws(BusError) {
        if let problem = Topic.problem(of: text, allowingWildcards: true) {
            throw BusError(.invalidTopic, "topic pattern \(text.debugDescription): \(problem)")
        }
        self.text = text
    }

    /// Creates a pattern that matches exactly one topic.
    public init(_ topic: Topic) {
        self.text = topic.name
    }

    /// The words, in order.
    public var words: [Substring] { self.text.words }

    /// Returns whether the pattern matches a topic.
    public func matches(_ topic: Topic) -> Bool {
        TopicPattern.match(self.words[...], topic.words[...])
    }

    private static func match(_ pattern: ArraySlice<Substring>, _ topic: ArraySlice<Substring>) -> Bool {
        // The usual algorithm for globs: remembering the last `#` and how much it has matched keeps the cost at pattern × topic.
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
    /// Creates a pattern from a literal; an invalid literal is a programming error and traps.
    public init(stringLiteral text: String) {
        let problem = Topic.problem(of: text, allowingWildcards: true)
        require(problem == nil, "topic pattern literal \(text.debugDescription): \(problem ?? "")")
        self.text = text
    }
}

extension TopicPattern: CustomStringConvertible {
    /// The text.
    public var description: String { self.text }
}
