// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The address of an event: dot-separated words such as `user.created`.
///
/// A topic is an AMQP routing key (AMQP 0-9-1 §3.1.3.3) of at most 255 bytes of UTF-8. Words must not be empty or contain white
/// space, control characters or the wildcards `*` and `#`, which only a ``TopicPattern`` can contain.
public struct Topic: Hashable, Sendable {
    /// The maximum length of a topic in AMQP, in bytes of UTF-8.
    public static let maximumBytes = 255

    /// The words, separated by dots.
    public let name: String

    /// Creates a topic from text.
    ///
    /// - Throws: ``BusError`` with code `invalidTopic` that states the violated rule.
    public init(_ name: String) throws(BusError) {
        if let problem = Topic.problem(of: name, allowingWildcards: false) {
            throw BusError(.invalidTopic, "topic \(name.debugDescription): \(problem)")
        }
        self.name = name
    }

    /// Creates a topic from the routing key of another program, which may violate the rules above.
    package init(foreign name: String) {
        self.name = name
    }

    /// The words, in order.
    public var words: [Substring] { self.name.words }

    /// The part before the first dot.
    package var firstWord: Substring {
        let end = self.name.utf8.firstIndex(of: UInt8(ascii: ".")) ?? self.name.endIndex
        return self.name[..<end]
    }

    static func problem(of name: String, allowingWildcards: Bool) -> String? {
        if name.isEmpty { return "must not be empty" }
        if name.utf8.count > Topic.maximumBytes {
            return "has \(name.utf8.count) bytes, must have at most \(Topic.maximumBytes)"
        }
        // Byte by byte, because a literal is checked each time it is evaluated; everything forbidden is ASCII.
        var length = 0
        var hasWildcard = false
        var hashes = 0
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "."):
                if length == 0 { return "must not have an empty word" }
                (length, hasWildcard) = (0, false)
                continue
            case 0...0x20, 0x7F:
                return "must not contain white space or control characters"
            case UInt8(ascii: "*"), UInt8(ascii: "#"):
                if !allowingWildcards { return "must not contain the wildcards * and #, use a TopicPattern" }
                hasWildcard = true
                if byte == UInt8(ascii: "#") { hashes += 1 }
            default:
                break
            }
            length += 1
            if hasWildcard, length > 1 { return "must not combine a wildcard with other characters in one word" }
        }
        if length == 0 { return "must not have an empty word" }
        if hashes > 2 { return "has \(hashes) wildcards #, must have at most 2" }
        return nil
    }
}

extension Topic: ExpressibleByStringLiteral {
    /// Creates a topic from a literal; an invalid literal is a programming error and traps.
    public init(stringLiteral name: String) {
        let problem = Topic.problem(of: name, allowingWildcards: false)
        require(problem == nil, "topic literal \(name.debugDescription): \(problem ?? "")")
        self.name = name
    }
}

extension Topic {
    /// Compares bytes, as AMQP does with routing keys: names that only look the same are different topics.
    public static func == (left: Topic, right: Topic) -> Bool {
        left.name.hasSameBytes(as: right.name)
    }
}

extension String {
    /// The parts between dots, where a dot followed by a combining mark is still a dot.
    var words: [Substring] {
        self.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { Substring($0) }
    }
}

extension Topic: CustomStringConvertible {
    /// The name.
    public var description: String { self.name }
}
