// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The address of an event: dot-separated words such as `user.created`.
///
/// A topic is an AMQP routing key (AMQP 0-9-1 §3.1.3.3): at most 255 bytes of UTF-8. Words are not empty and hold
/// neither white space nor control characters nor the wildcards `*` and `#`, which belong to ``TopicPattern``.
public struct Topic: Hashable, Sendable {
    /// The longest topic that AMQP can carry, in bytes of UTF-8.
    public static let maximumBytes = 255

    /// The words with the dots between them.
    public let name: String

    /// Checks a name and makes a topic of it.
    ///
    /// - Throws: ``BusError`` with code `invalidTopic` that names the rule the name breaks.
    public init(_ name: String) throws(BusError) {
        if let problem = Topic.problem(of: name, allowingWildcards: false) {
            throw BusError(.invalidTopic, "topic \(problem)")
        }
        self.name = name
    }

    /// A routing key as another program sent it, which need not keep the rules above.
    package init(foreign name: String) {
        self.name = name
    }

    /// The words, in order.
    public var words: [Substring] { self.name.split(separator: ".", omittingEmptySubsequences: false) }

    static func problem(of name: String, allowingWildcards: Bool) -> String? {
        if name.isEmpty { return "must not be empty" }
        if name.utf8.count > Topic.maximumBytes {
            return "has \(name.utf8.count) bytes, the limit is \(Topic.maximumBytes)"
        }
        for word in name.split(separator: ".", omittingEmptySubsequences: false) {
            if word.isEmpty { return "must not have an empty word" }
            if word.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7F }) {
                return "must not contain white space or control characters"
            }
            let hasWildcard = word.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "#") }
            if hasWildcard, !(allowingWildcards && word.utf8.count == 1) {
                return allowingWildcards ? "has a wildcard that is not a whole word" : "must not contain a wildcard"
            }
        }
        return nil
    }
}

extension Topic: ExpressibleByStringLiteral {
    /// Makes a topic of a literal; a literal that is no topic is a programming error and traps.
    public init(stringLiteral name: String) {
        let problem = Topic.problem(of: name, allowingWildcards: false)
        precondition(problem == nil, "topic literal \(problem ?? "")")
        self.name = name
    }
}

extension Topic: CustomStringConvertible {
    /// The name.
    public var description: String { self.name }
}
